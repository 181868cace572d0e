package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Checkpoints remembers how far the sagas of a service have read, by name.
// Forgetting is safe: a saga that reads again decides again and finds nothing to do.
type Checkpoints struct {
	server *Server
	pool   *pgxpool.Pool
}

// Checkpoints opens the checkpoints of a service: those of "payment" and
// "shipping" lie in databases of their own, all others in that of orders.
func (s *Server) Checkpoints(ctx context.Context, service string) (*Checkpoints, error) {
	if service != paymentService && service != shippingService {
		service = orderService
	}
	p, err := s.migrate(ctx, service, "checkpoints")
	if err != nil {
		return nil, err
	}
	return &Checkpoints{server: s, pool: p}, nil
}

// LoadCheckpoint returns the checkpoint last saved under a name, zero if there is
// nothing. What an older version saved has no ids.
func (c *Checkpoints) LoadCheckpoint(ctx context.Context, name string) (eventlog.Checkpoint, error) {
	ctx, cancel := c.server.within(ctx)
	defer cancel()
	at, err := scanCheckpoint(c.pool.QueryRow(ctx, statement("checkpoint_load"), name))
	if errors.Is(err, pgx.ErrNoRows) {
		return at, nil
	}
	return at, mapped(err)
}

// SaveCheckpoint replaces the checkpoint saved under a name.
func (c *Checkpoints) SaveCheckpoint(ctx context.Context, name string, at eventlog.Checkpoint) error {
	ctx, cancel := c.server.within(ctx)
	defer cancel()
	_, err := c.pool.Exec(ctx, statement("checkpoint_save"), name,
		int64(at.Event.Position), at.Event.ID[:], int64(at.Passed.Position), at.Passed.ID[:])
	return mapped(err)
}

// LoadFenced is LoadCheckpoint for the holder of a lease: from then on every
// lower token is refused. It is Conflict if a higher one was here.
func (c *Checkpoints) LoadFenced(ctx context.Context, name string, token int64) (eventlog.Checkpoint, error) {
	ctx, cancel := c.server.within(ctx)
	defer cancel()
	at, err := scanCheckpoint(c.pool.QueryRow(ctx, statement("checkpoint_load_fenced"), name, token))
	if errors.Is(err, pgx.ErrNoRows) {
		return at, overtaken(name, token)
	}
	return at, mapped(err)
}

// SaveFenced is SaveCheckpoint for the holder of a lease; it is Conflict if a
// higher token was here.
func (c *Checkpoints) SaveFenced(ctx context.Context, name string, at eventlog.Checkpoint, token int64) error {
	ctx, cancel := c.server.within(ctx)
	defer cancel()
	saved, err := c.pool.Exec(ctx, statement("checkpoint_save_fenced"), name,
		int64(at.Event.Position), at.Event.ID[:], int64(at.Passed.Position), at.Passed.ID[:], token)
	if err == nil && saved.RowsAffected() == 0 {
		return overtaken(name, token)
	}
	return mapped(err)
}

// scanCheckpoint reads one row. If an older version has saved since, the id in it
// belongs to another position, and the checkpoint has none.
func scanCheckpoint(row pgx.Row) (at eventlog.Checkpoint, err error) {
	var idOf eventlog.Position
	var id, passed []byte
	if err := row.Scan(&at.Event.Position, &idOf, &id, &at.Passed.Position, &passed); err != nil {
		return eventlog.Checkpoint{}, err
	}
	if idOf != at.Event.Position {
		return eventlog.Checkpoint{Event: eventlog.Mark{Position: at.Event.Position}}, nil
	}
	copy(at.Event.ID[:], id)
	copy(at.Passed.ID[:], passed)
	return at, nil
}

func overtaken(name string, token int64) error {
	return domain.Errorf(domain.Conflict, "The checkpoint %s belongs to a newer holder than %d.", name, token)
}
