package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"orderflow/domain"
)

// Limits of connections; Options may set the first two.
const (
	// DefaultMaxConns bounds the pool of one database in one process. Builds,
	// snapshots, listeners and leases have connections of their own.
	DefaultMaxConns = 8
	// DefaultStatementTimeout ends a statement, on the server and here.
	DefaultStatementTimeout = 10 * time.Second
	// connectTimeout bounds one attempt to connect.
	connectTimeout = 5 * time.Second
	// answerGrace is how much longer than its statement timeout the server may
	// take to answer before the way to it counts as dead.
	answerGrace = 2 * time.Second
	// idleTransactionTimeout ends a transaction whose client says nothing.
	idleTransactionTimeout = 30 * time.Second
	// maxConnLifetime spreads connections over servers that come and go.
	maxConnLifetime = time.Hour
	// maxConnIdleTime gives connections back after a peak.
	maxConnIdleTime = 5 * time.Minute
	// pingTimeout bounds the ping of a connection that was idle, before it is used.
	pingTimeout = 2 * time.Second
	// keepAliveIdle, keepAliveInterval and keepAliveCount find a dead peer within
	// 25 seconds, on both sides.
	keepAliveIdle     = 10 * time.Second
	keepAliveInterval = 5 * time.Second
	keepAliveCount    = 3
	// maxNameBytes is the longest name Postgres keeps.
	maxNameBytes = 63
	// minServerVersion is the first that ends idle sessions by itself (14).
	minServerVersion = 140_000
)

// The services that have a database of their own.
const (
	orderService     = "order"
	inventoryService = "inventory"
	paymentService   = "payment"
	shippingService  = "shipping"
)

// Options configure a server.
type Options struct {
	// URL names server, user, and the base of the databases' names:
	// postgres://user:password@host/orderflow.
	URL              string
	MaxConns         int32         // of one database; 0 for DefaultMaxConns
	StatementTimeout time.Duration // 0 for DefaultStatementTimeout
	Logger           *slog.Logger  // nil for the default
}

// Server is a PostgreSQL server, and a pool of connections to each database in
// use. Its methods may be called at the same time.
type Server struct {
	options Options
	config  *pgxpool.Config // of the base database
	base    string
	logger  *slog.Logger

	mu    sync.Mutex
	pools map[string]*pgxpool.Pool // by service

	migrated map[string]struct{} // by service and set of tables
}

// Open connects to a server and makes the database of orders if it is missing.
// A URL that cannot be used is Invalid; its password is in no error.
func Open(ctx context.Context, o Options) (*Server, error) {
	o.MaxConns = cmp.Or(o.MaxConns, DefaultMaxConns)
	o.StatementTimeout = cmp.Or(o.StatementTimeout, DefaultStatementTimeout)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	config, err := pgxpool.ParseConfig(o.URL)
	if err != nil { // its text may hold the password
		return nil, domain.Errorf(domain.Invalid, "The URL of PostgreSQL cannot be read; write postgres://user:password@host:port/name.")
	}
	s := &Server{options: o, base: config.ConnConfig.Database, logger: o.Logger, pools: map[string]*pgxpool.Pool{}, migrated: map[string]struct{}{}}
	if s.base == "" || len(s.base)+1+len(inventoryService) > maxNameBytes {
		return nil, domain.Errorf(domain.Invalid, "The URL of PostgreSQL must name a database, by at most %d bytes.", maxNameBytes-1-len(inventoryService))
	}
	s.config = configure(config, o)
	if _, err := s.pool(ctx, orderService); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func configure(c *pgxpool.Config, o Options) *pgxpool.Config {
	c.MaxConns, c.MinConns, c.MinIdleConns = o.MaxConns, 0, 0
	c.MaxConnLifetime, c.MaxConnLifetimeJitter, c.MaxConnIdleTime = maxConnLifetime, maxConnLifetime/10, maxConnIdleTime
	c.PingTimeout = pingTimeout
	c.ConnConfig.ConnectTimeout = connectTimeout
	alive := net.KeepAliveConfig{Enable: true, Idle: keepAliveIdle, Interval: keepAliveInterval, Count: keepAliveCount}
	c.ConnConfig.DialFunc = (&net.Dialer{KeepAliveConfig: alive}).DialContext
	for name, value := range map[string]string{
		"application_name":                    "orderflow",
		"search_path":                         "public",
		"timezone":                            "UTC",
		"statement_timeout":                   millis(o.StatementTimeout),
		"lock_timeout":                        millis(o.StatementTimeout),
		"idle_in_transaction_session_timeout": millis(idleTransactionTimeout),
		"tcp_keepalives_idle":                 seconds(keepAliveIdle),
		"tcp_keepalives_interval":             seconds(keepAliveInterval),
		"tcp_keepalives_count":                strconv.Itoa(keepAliveCount),
		"tcp_user_timeout":                    millis(keepAliveIdle + keepAliveCount*keepAliveInterval),
	} {
		c.ConnConfig.RuntimeParams[name] = value
	}
	return c
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func seconds(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) }

// database returns the name of a service's database.
func (s *Server) database(service string) string { return s.base + "_" + service }

// pool returns the pool of a service's database, which it makes on first use.
func (s *Server) pool(ctx context.Context, service string) (*pgxpool.Pool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pools == nil {
		return nil, domain.Errorf(domain.Unavailable, "The database is closed.")
	}
	if p := s.pools[service]; p != nil {
		return p, nil
	}
	config := s.config.Copy()
	config.ConnConfig.Database = s.database(service)
	p, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, mapped(err)
	}
	if err := s.check(ctx, p); err != nil {
		p.Close()
		return nil, err
	}
	s.pools[service] = p
	return p, nil
}

// check makes a database that is missing, and refuses one that cannot serve.
func (s *Server) check(ctx context.Context, p *pgxpool.Pool) error {
	version, encoding, err := about(ctx, p)
	if state(err) == stateNoDatabase {
		if err := s.create(ctx, p.Config().ConnConfig.Database); err != nil {
			return err
		}
		version, encoding, err = about(ctx, p)
	}
	switch {
	case err != nil:
		return mapped(err)
	case version < minServerVersion:
		return domain.Errorf(domain.Invalid, "The server is PostgreSQL %d; version %d or later is needed.", version/10_000, minServerVersion/10_000)
	case encoding != "UTF8":
		return domain.Errorf(domain.Invalid, "The database %s has the encoding %s; UTF8 is needed.", p.Config().ConnConfig.Database, encoding)
	}
	return nil
}

func about(ctx context.Context, p *pgxpool.Pool) (version int, encoding string, err error) {
	err = p.QueryRow(ctx, "SELECT current_setting('server_version_num')::int, current_setting('server_encoding')").Scan(&version, &encoding)
	return version, encoding, err
}

// create makes a database, unless another process does at the same moment.
func (s *Server) create(ctx context.Context, name string) error {
	var c *pgx.Conn
	var err error
	for _, by := range []string{s.base, "postgres"} {
		config := s.config.ConnConfig.Copy()
		config.Database = by
		if c, err = pgx.ConnectConfig(ctx, config); state(err) != stateNoDatabase {
			break
		}
	}
	if err != nil {
		return mapped(err)
	}
	defer c.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing is lost with it
	quoted := pgx.Identifier{name}.Sanitize()
	_, err = c.Exec(ctx, "CREATE DATABASE "+quoted+" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'")
	switch state(err) {
	case stateHaveDatabase, stateUniqueName:
		return nil
	case stateDenied:
		return domain.Wrap(domain.Unavailable, err,
			"The database %s is missing and %s may not create it. Let an administrator run: CREATE DATABASE %s OWNER %s TEMPLATE template0 ENCODING 'UTF8';",
			name, s.config.ConnConfig.User, quoted, pgx.Identifier{s.config.ConnConfig.User}.Sanitize())
	}
	return mapped(err)
}

// dial opens a connection of its own, outside the pool.
func (s *Server) dial(ctx context.Context, service string) (*pgx.Conn, error) {
	config := s.config.ConnConfig.Copy()
	config.Database = s.database(service)
	c, err := pgx.ConnectConfig(ctx, config)
	return c, mapped(err)
}

// within bounds the wait for one answer.
func (s *Server) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.options.StatementTimeout+answerGrace)
}

// Ping asks every database in use for an answer.
func (s *Server) Ping(ctx context.Context) error {
	s.mu.Lock()
	pools := make([]*pgxpool.Pool, 0, len(s.pools))
	for _, p := range s.pools {
		pools = append(pools, p)
	}
	s.mu.Unlock()
	if len(pools) == 0 {
		return domain.Errorf(domain.Unavailable, "The database is closed.")
	}
	for _, p := range pools {
		if err := p.Ping(ctx); err != nil {
			return mapped(fmt.Errorf("database %s: %w", p.Config().ConnConfig.Database, err))
		}
	}
	return nil
}

// Close closes all pools, when the questions under way are answered. Close what
// was made of the Server first.
func (s *Server) Close() error {
	s.mu.Lock()
	pools := s.pools
	s.pools = nil
	s.mu.Unlock()
	for _, p := range pools {
		p.Close()
	}
	return nil
}
