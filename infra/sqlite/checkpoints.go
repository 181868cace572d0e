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
		return nil, domain.Wrap(domain.Unavailable, err, "The directory of the checkpoints cannot be made.")
	}
	path := filepath.Join(dir, "checkpoints.db")
	c, err := openCheckpoints(ctx, path)
	if err != nil && damaged(err) {
		logger.Warn("the checkpoints are of no use; the sagas read from the start", "file", path, "err", err)
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
	if _, err := db.ExecContext(ctx, embedded("schema/checkpoints.sql")); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Checkpoints{db: db}, nil
}

// LoadCheckpoint returns the position last saved under a name, 0 if there is none.
func (c *Checkpoints) LoadCheckpoint(ctx context.Context, name string) (at eventlog.Position, err error) {
	err = c.db.QueryRowContext(ctx, statement("checkpoint_load"), name).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return at, unavailable(err)
}

// SaveCheckpoint replaces the position of a name.
func (c *Checkpoints) SaveCheckpoint(ctx context.Context, name string, at eventlog.Position) error {
	_, err := c.db.ExecContext(ctx, statement("checkpoint_save"), name, int64(at))
	return unavailable(err)
}

// Close closes the file.
func (c *Checkpoints) Close() error { return c.db.Close() }
