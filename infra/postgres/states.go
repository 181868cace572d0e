package postgres

import (
	"context"
	"errors"
	"hash/crc32"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Limits of states; a fleet keeps those of its warehouses.
const (
	maxStateBytes = 64 << 20
	maxStates     = 256
)

// States keeps snapshots of long streams of a log that keeps none itself. It
// is an eventlog.Snapshots, and a cache: the oldest ones give way.
type States struct {
	server *Server
	pool   *pgxpool.Pool
}

var _ eventlog.Snapshots = (*States)(nil)

// States opens the snapshots, in the database of the inventory.
func (s *Server) States(ctx context.Context) (*States, error) {
	p, err := s.migrate(ctx, inventoryService, "states")
	if err != nil {
		return nil, err
	}
	return &States{server: s, pool: p}, nil
}

// LoadSnapshot implements eventlog.Snapshots. One that is damaged is not there.
func (s *States) LoadSnapshot(ctx context.Context, stream eventlog.Stream, schema string) (at eventlog.Version, state []byte, ok bool, err error) {
	ctx, cancel := s.server.within(ctx)
	defer cancel()
	var crc int64
	err = s.pool.QueryRow(ctx, statement("state_load"), string(stream), schema).Scan(&at, &crc, &state)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return 0, nil, false, nil
	case err != nil:
		return 0, nil, false, mapped(err)
	case crc != int64(crc32.ChecksumIEEE(state)):
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
	ctx, cancel := s.server.within(ctx)
	defer cancel()
	_, err := s.pool.Exec(ctx, statement("state_save"), string(stream), schema, int64(at), int64(crc32.ChecksumIEEE(state)), state)
	if err != nil {
		return mapped(err)
	}
	// Apart from the save: two processes that save must not wait for each other's rows.
	_, err = s.pool.Exec(ctx, statement("state_trim"), maxStates)
	return mapped(err)
}
