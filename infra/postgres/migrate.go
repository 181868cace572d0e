package postgres

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"orderflow/domain"
)

// The first keys of advisory locks of two; the second says which.
const (
	lockSetup = 0x6f66_0001 // migrations and the first version of a group, by a hash of its name
	lockBuild = 0x6f66_0002 // a builder is alive, by the id of its version
)

// migrate brings a set of tables of a service's database to the newest form.
// Processes that start at once take turns. What a newer program made is left
// as it is.
func (s *Server) migrate(ctx context.Context, service, set string) (*pgxpool.Pool, error) {
	p, err := s.pool(ctx, service)
	if err != nil || s.isMigrated(service, set) {
		return p, err
	}
	folder, err := fs.Sub(files, path.Join("migrations", set))
	if err != nil {
		return nil, err
	}
	return p, s.locked(ctx, service, "migrate "+set, func(c *pgx.Conn) (err error) {
		db := stdlib.OpenDB(*patient(c.Config()))
		defer func() { err = errors.Join(err, db.Close()) }()
		g, err := goose.NewProvider(goose.DialectPostgres, db, folder, goose.WithTableName(set+"_migrations"), goose.WithDisableGlobalRegistry(true))
		if err != nil {
			return err
		}
		if _, err := g.Up(ctx); err != nil {
			if state(err) == stateDenied {
				return domain.Wrap(domain.Unavailable, err, "The user may not create tables in %s; make it the owner of the database", s.database(service))
			}
			return mapped(err)
		}
		s.setMigrated(service, set)
		return nil
	})
}

func (s *Server) isMigrated(service, set string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, done := s.migrated[service+" "+set]
	return done
}

func (s *Server) setMigrated(service, set string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.migrated[service+" "+set] = struct{}{}
}

// setupTimeout bounds one statement that makes tables, and the wait for others
// who do: longer than a question may take.
const setupTimeout = time.Minute

// patient gives every statement of a connection the time that making tables takes.
func patient(c *pgx.ConnConfig) *pgx.ConnConfig {
	c = c.Copy()
	c.RuntimeParams["statement_timeout"], c.RuntimeParams["lock_timeout"] = millis(setupTimeout), millis(setupTimeout)
	return c
}

// locked does work while no other process does work of that name in the
// database. The lock ends with its connection, however this process ends.
func (s *Server) locked(ctx context.Context, service, name string, work func(c *pgx.Conn) error) error {
	config := s.config.ConnConfig.Copy()
	config.Database = s.database(service)
	c, err := pgx.ConnectConfig(ctx, patient(config))
	if err != nil {
		return mapped(err)
	}
	defer c.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it ends the lock in any case
	if _, err := c.Exec(ctx, "SELECT pg_advisory_lock($1, hashtext($2))", lockSetup, name); err != nil {
		return mapped(err)
	}
	return work(c)
}
