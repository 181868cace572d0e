package postgres

import (
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"orderflow/domain"
)

// The states of SQL that tell one failure from another; the first two
// characters are a class.
const (
	stateNotThere       = "OF001" // raised by advance
	stateUndefinedTable = "42P01"
	stateInvalidSchema  = "3F000"
	stateNoDatabase     = "3D000"
	stateHaveDatabase   = "42P04"
	stateUniqueName     = "23505"
	stateDenied         = "42501"
	stateLockTimeout    = "55P03"
)

// kinds maps a SQLSTATE, or else its class, to a kind of error.
var kinds = map[string]domain.Kind{ //nolint:gochecknoglobals // a table
	stateNotThere: domain.Conflict,
	"22003":       domain.Exhausted,   // a number does not fit
	"22021":       domain.Invalid,     // text that is not UTF-8, or holds NUL
	"22P05":       domain.Invalid,     // text that cannot be translated
	"53100":       domain.ReadOnly,    // the disk is full
	"25006":       domain.Unavailable, // a standby: the primary is elsewhere now
	"25P03":       domain.Unavailable, // idle in a transaction for too long
	"57014":       domain.Unavailable, // statement timeout
	"55P03":       domain.Unavailable, // lock timeout
	"3D000":       domain.Unavailable, // the database was dropped, or is not there yet
	"08":          domain.Unavailable, // connections
	"28":          domain.Unavailable, // the user is refused
	"40":          domain.Unavailable, // serialization, deadlock: try again
	"53":          domain.Unavailable, // memory, connections
	"57":          domain.Unavailable, // shut down, crashed, starting
	"58":          domain.Unavailable, // the system under it fails
}

// sentences says it to the person.
var sentences = map[domain.Kind]string{ //nolint:gochecknoglobals // a table
	domain.Conflict:  "The view does not stand where this batch begins, or another version serves.",
	domain.Exhausted: "A number does not fit 64 bits.",
	domain.Invalid:   "The text is not valid UTF-8 or holds a NUL character.",
	domain.ReadOnly:  "The database takes no writes: its disk is full.",
	domain.Internal:  "The database refused a statement.",
}

// mapped gives an error of Postgres or of the way to it its kind. What is not an
// answer of the server is trouble on the way, and Unavailable.
func mapped(err error) error {
	if err == nil {
		return nil
	}
	if _, ours := errors.AsType[*domain.Error](err); ours {
		return err
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return domain.Wrap(domain.NotFound, err, "There is no such row")
	}
	kind := domain.Unavailable
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		kind = kindOf(e.Code)
	} else if _, bug := errors.AsType[pgx.ScanArgError](err); bug {
		kind = domain.Internal
	}
	if text, ok := sentences[kind]; ok {
		return domain.Wrap(kind, err, "%s", text)
	}
	return domain.Wrap(kind, err, "The database does not answer now")
}

func kindOf(state string) domain.Kind {
	if kind, ok := kinds[state]; ok {
		return kind
	}
	if len(state) == 5 {
		if kind, ok := kinds[state[:2]]; ok {
			return kind
		}
	}
	return domain.Internal
}

// state returns the state of SQL an error carries, or empty.
func state(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// gone turns the error of tables that are not there any more into Conflict:
// another version serves.
func gone(err error) error {
	if s := state(err); s == stateUndefinedTable || s == stateInvalidSchema {
		return domain.Wrap(domain.Conflict, err, "This version of the view serves no more")
	}
	return mapped(err)
}
