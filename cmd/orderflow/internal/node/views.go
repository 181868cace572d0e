package node

import (
	"context"
	"errors"
	"log/slog"

	"orderflow/domain/eventlog"
	"orderflow/infra/postgres"
	"orderflow/infra/sqlite"
	"orderflow/projections"
	"orderflow/readmodels"
	"orderflow/sagas"
)

// viewStore is a node's views, wherever they are kept.
type viewStore interface {
	projections.Views
	readmodels.Readers
	readmodels.Holes
}

// viewProgress tells how far the views are, in this process or in another.
type viewProgress interface {
	Await(ctx context.Context, group string, at eventlog.Position) error
	Changes() *projections.Changes
	Stands(group string) eventlog.Position
	Status(ctx context.Context) ([]projections.Status, error)
}

// backend opens what a node keeps beside the log. The services are those that
// have a place of their own: see postgres.Server.
type backend interface {
	OpenViews(ctx context.Context) (viewStore, error)
	checkpoints(ctx context.Context, service string) (sagas.Checkpoints, error)
	states(ctx context.Context) (eventlog.Snapshots, error)
	leases(ctx context.Context) (leases, error)
	// follower tells how far the views are, once they are open; run, if not nil, keeps it knowing.
	follower(r *projections.Runner, log projections.Log) (f viewProgress, run func(context.Context) error)
	ping(ctx context.Context) error
	Close() error

	// identity is which log the views follow, if that is written down.
	identity(ctx context.Context) (is Identity, found bool, err error)
	identify(ctx context.Context, is Identity) error
	where() string        // the views are, for people
	recoveryHint() string // what to do about views of another log
}

// OpenBackend is the embedded backend, or the one that a configuration names.
func OpenBackend(ctx context.Context, c Config, logger *slog.Logger) (backend, error) {
	if c.Postgres == "" {
		return &embedded{dir: c.ViewsDir(), logger: logger}, nil
	}
	server, err := postgres.Open(ctx, postgres.Options{URL: c.Postgres, Logger: logger})
	if err != nil {
		return nil, err
	}
	return &onPostgres{Server: server, logger: logger}, nil
}

// embedded keeps everything in SQLite files of one folder.
type embedded struct {
	dir     string
	logger  *slog.Logger
	closers []func() error
}

func (e *embedded) OpenViews(ctx context.Context) (viewStore, error) {
	v, err := sqlite.Open(ctx, e.dir, e.logger)
	if err != nil {
		return nil, err
	}
	e.closers = append(e.closers, v.Close)
	return v, nil
}

// checkpoints are in one file for all services: there is one process.
func (e *embedded) checkpoints(ctx context.Context, _ string) (sagas.Checkpoints, error) {
	c, err := sqlite.OpenCheckpoints(ctx, e.dir, e.logger)
	if err != nil {
		return nil, err
	}
	e.closers = append(e.closers, c.Close)
	return c, nil
}

func (e *embedded) states(ctx context.Context) (eventlog.Snapshots, error) {
	s, err := sqlite.OpenStates(ctx, e.dir, e.logger)
	if err != nil {
		return nil, err
	}
	e.closers = append(e.closers, s.Close)
	return s, nil
}

func (e *embedded) leases(context.Context) (leases, error) { return alone{}, nil }

func (e *embedded) follower(r *projections.Runner, _ projections.Log) (viewProgress, func(context.Context) error) {
	return r, nil
}

func (e *embedded) ping(context.Context) error { return nil }

func (e *embedded) Close() error {
	var errs []error
	for i := len(e.closers) - 1; i >= 0; i-- {
		errs = append(errs, e.closers[i]())
	}
	return errors.Join(errs...)
}

// onPostgres keeps everything in PostgreSQL, one database for each service.
type onPostgres struct {
	*postgres.Server
	logger *slog.Logger
	moved  *postgres.Views
}

func (p *onPostgres) OpenViews(ctx context.Context) (viewStore, error) {
	v, err := p.Views(ctx)
	if err != nil {
		return nil, err
	}
	p.moved = v
	return v, nil
}

func (p *onPostgres) checkpoints(ctx context.Context, service string) (sagas.Checkpoints, error) {
	return p.Checkpoints(ctx, service)
}

func (p *onPostgres) states(ctx context.Context) (eventlog.Snapshots, error) { return p.States(ctx) }

func (p *onPostgres) leases(ctx context.Context) (leases, error) { return p.Leases(ctx) }

// follower asks the database, also where this process projects: another one may hold the lease.
func (p *onPostgres) follower(_ *projections.Runner, log projections.Log) (viewProgress, func(context.Context) error) {
	r := projections.NewReader(projections.ReaderConfig{Log: log, Views: p.moved, Logger: p.logger})
	return r, r.Run
}

func (p *onPostgres) ping(ctx context.Context) error { return p.Ping(ctx) }

func (p *onPostgres) Close() error {
	if p.moved == nil {
		return p.Server.Close()
	}
	return errors.Join(p.moved.Close(), p.Server.Close())
}
