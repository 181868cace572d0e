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

// LoadCheckpoint returns the position last saved under a name, 0 if there is none.
func (c *Checkpoints) LoadCheckpoint(ctx context.Context, name string) (at eventlog.Position, err error) {
	ctx, cancel := c.server.within(ctx)
	defer cancel()
	err = c.pool.QueryRow(ctx, statement("checkpoint_load"), name).Scan(&at)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return at, mapped(err)
}

// SaveCheckpoint replaces the position of a name.
func (c *Checkpoints) SaveCheckpoint(ctx context.Context, name string, at eventlog.Position) error {
	ctx, cancel := c.server.within(ctx)
	defer cancel()
	_, err := c.pool.Exec(ctx, statement("checkpoint_save"), name, int64(at))
	return mapped(err)
}

// LoadFenced is LoadCheckpoint for the holder of a lease: from then on whoever
// has a lower token is refused. It is Conflict if a higher one was here.
func (c *Checkpoints) LoadFenced(ctx context.Context, name string, token int64) (at eventlog.Position, err error) {
	ctx, cancel := c.server.within(ctx)
	defer cancel()
	err = c.pool.QueryRow(ctx, statement("checkpoint_load_fenced"), name, token).Scan(&at)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, overtaken(name, token)
	}
	return at, mapped(err)
}

// SaveFenced is SaveCheckpoint for the holder of a lease; it is Conflict if a
// higher token was here.
func (c *Checkpoints) SaveFenced(ctx context.Context, name string, at eventlog.Position, token int64) error {
	ctx, cancel := c.server.within(ctx)
	defer cancel()
	saved, err := c.pool.Exec(ctx, statement("checkpoint_save_fenced"), name, int64(at), token)
	if err == nil && saved.RowsAffected() == 0 {
		return overtaken(name, token)
	}
	return mapped(err)
}

func overtaken(name string, token int64) error {
	return domain.Errorf(domain.Conflict, "The checkpoint %s belongs to a newer holder than %d.", name, token)
}
