package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Limits of states; a process keeps those of its warehouses.
const (
	maxStateBytes = 64 << 20
	maxStates     = 256
)

// States keeps snapshots of long streams of a log that keeps none itself. It
// is an eventlog.Snapshots, and a cache: the oldest ones give way.
type States struct {
	db *sql.DB
}

// OpenStates opens states.db in a directory and makes both if need be. A
// damaged file is replaced by an empty one. logger may be nil.
func OpenStates(ctx context.Context, dir string, logger *slog.Logger) (*States, error) {
	if logger == nil {
		logger = slog.Default()
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, domain.Wrap(domain.Unavailable, err, "The directory of the snapshots cannot be made")
	}
	path := filepath.Join(dir, "states.db")
	s, err := openStates(ctx, path)
	if err != nil && damaged(err) {
		logger.Warn("the snapshots are of no use; long streams are read from the start", "file", path, "error", err)
		if err := removeFile(path); err != nil {
			return nil, err
		}
		s, err = openStates(ctx, path)
	}
	return s, unavailable(err)
}

func openStates(ctx context.Context, path string) (*States, error) {
	db, err := sql.Open("sqlite", dsn(path, false, readerCacheKiB))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, embedded("schema/states.sql")); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &States{db: db}, nil
}

// LoadSnapshot implements eventlog.Snapshots. One that is damaged is not there.
func (s *States) LoadSnapshot(ctx context.Context, stream eventlog.Stream, schema string) (at eventlog.Version, state []byte, ok bool, err error) {
	var crc uint32
	err = s.db.QueryRowContext(ctx, statement("state_load"), string(stream), schema).Scan(&at, &crc, &state)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return 0, nil, false, nil
	case err != nil:
		return 0, nil, false, unavailable(err)
	case crc != crc32.ChecksumIEEE(state):
		return 0, nil, false, nil
	}
	return at, state, true, nil
}

// SaveSnapshot implements eventlog.Snapshots.
func (s *States) SaveSnapshot(ctx context.Context, stream eventlog.Stream, schema string, at eventlog.Version, state []byte) error {
	if len(stream) > eventlog.MaxStreamBytes || len(schema)+len(state) > maxStateBytes {
		return domain.Errorf(domain.Invalid, "A snapshot of %d bytes; at most %d are taken.", len(schema)+len(state), maxStateBytes)
	}
	if state == nil {
		state = []byte{}
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return unavailable(err)
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	if _, err := tx.ExecContext(ctx, statement("state_save"), string(stream), schema, int64(at), int64(crc32.ChecksumIEEE(state)), state); err != nil {
		return unavailable(err)
	}
	if _, err := tx.ExecContext(ctx, statement("state_trim"), maxStates); err != nil {
		return unavailable(err)
	}
	return unavailable(tx.Commit())
}

// Close closes the file.
func (s *States) Close() error { return s.db.Close() }
