package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"orderflow/domain"
)

// unavailable gives an error of SQLite its kind: Internal when the file is
// damaged or the statement wrong, for nothing but a rebuild or a repair
// helps; NotFound when there is no row; else Unavailable.
func unavailable(err error) error {
	if err == nil {
		return nil
	}
	if _, ours := errors.AsType[*domain.Error](err); ours {
		return err
	}
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return domain.Wrap(domain.NotFound, err, "There is no such row")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return domain.Wrap(domain.Unavailable, err, "The views did not answer in time")
	case damaged(err):
		return domain.Wrap(domain.Internal, err, "The view's file is damaged; rebuild the view")
	}
	return domain.Wrap(domain.Unavailable, err, "The views cannot be read or written now")
}

func damaged(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	switch e.Code() & 0xff { // the low byte is the primary code
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB, lib.SQLITE_ERROR, lib.SQLITE_MISMATCH, lib.SQLITE_CONSTRAINT, lib.SQLITE_TOOBIG:
		return true
	}
	return false
}
