package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"path/filepath"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Checkpoints remembers how far the sagas have read, by name. Forgetting is
// safe: a saga that reads again decides again and finds nothing to do.
type Checkpoints struct {
	db *sql.DB
}

// OpenCheckpoints opens checkpoints.db in a directory and makes both if need
// be. A damaged file is replaced by an empty one. logger may be nil.
func OpenCheckpoints(ctx context.Context, dir string, logger *slog.Logger) (*Checkpoints, error) {
	if logger == nil {
		logger = slog.Default()
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, domain.Wrap(domain.Unavailable, err, "The directory of the checkpoints cannot be made")
	}
	path := filepath.Join(dir, "checkpoints.db")
	c, err := openCheckpoints(ctx, path)
	if err != nil && damaged(err) {
		logger.Warn("the checkpoints are of no use; the sagas read from the start", "file", path, "error", err)
		if err := removeFile(path); err != nil {
			return nil, err
		}
		c, err = openCheckpoints(ctx, path)
	}
	return c, unavailable(err)
}

func openCheckpoints(ctx context.Context, path string) (*Checkpoints, error) {
	db, err := sql.Open("sqlite", dsn(path, false, readerCacheKiB))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if err := marked(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Checkpoints{db: db}, nil
}

// marked makes the table, and gives one that an older version made the columns
// for the ids of events.
func marked(ctx context.Context, db *sql.DB) error {
	if _, err := db.ExecContext(ctx, embedded("schema/checkpoints.sql")); err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // it is committed below, or something failed before
	var has bool
	if err := tx.QueryRowContext(ctx, statement("checkpoint_marks")).Scan(&has); err != nil || has {
		return err
	}
	if _, err := tx.ExecContext(ctx, embedded("schema/checkpoints_marks.sql")); err != nil {
		return err
	}
	return tx.Commit()
}

// LoadCheckpoint returns the checkpoint last saved under a name, zero if there is
// nothing. What an older version saved has no ids.
func (c *Checkpoints) LoadCheckpoint(ctx context.Context, name string) (at eventlog.Checkpoint, err error) {
	var idOf eventlog.Position
	var id, passed []byte
	err = c.db.QueryRowContext(ctx, statement("checkpoint_load"), name).Scan(&at.Event.Position, &idOf, &id, &at.Passed.Position, &passed)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return eventlog.Checkpoint{}, nil
	case err != nil:
		return eventlog.Checkpoint{}, unavailable(err)
	case idOf != at.Event.Position: // an older version has saved since
		return eventlog.Checkpoint{Event: eventlog.Mark{Position: at.Event.Position}}, nil
	}
	copy(at.Event.ID[:], id)
	copy(at.Passed.ID[:], passed)
	return at, nil
}

// SaveCheckpoint replaces the checkpoint saved under a name.
func (c *Checkpoints) SaveCheckpoint(ctx context.Context, name string, at eventlog.Checkpoint) error {
	_, err := c.db.ExecContext(ctx, statement("checkpoint_save"), name,
		int64(at.Event.Position), at.Event.ID[:], int64(at.Passed.Position), at.Passed.ID[:])
	return unavailable(err)
}

// Close closes the file.
func (c *Checkpoints) Close() error { return c.db.Close() }
