package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"orderflow/domain"
)

// Limits of leases. A holder that was cut off knows it after at most leasePing +
// leasePingTimeout; the server gives its lease away after leaseSilence.
const (
	// leasePing is how often a holder asks whether its session lives.
	leasePing = 500 * time.Millisecond
	// leasePingTimeout is how long the answer may take.
	leasePingTimeout = time.Second
	// leaseSilence is how long a session may say nothing before the server ends it.
	leaseSilence = 4 * time.Second
	// leaseWait bounds one question for the lease; then the connection is tried again.
	leaseWait = 2 * time.Second
	// leaseRetry is the pause before a lost connection is opened again.
	leaseRetry = 500 * time.Millisecond
)

// Leases let one process of a fleet do a work at a time:
//
//	A ── lock ──▶ token 7 ── work ── connection lost ── ctx of its work ends
//	B ── waits ………………………………………………▶ token 8 ── work ──▶
//
// For a moment two may believe that they hold it. So whatever the work writes
// goes with the token, and is refused below the newest: see SaveFenced.
type Leases struct {
	server *Server
	logger *slog.Logger
	holder string
}

// Leases opens the leases, in the database of orders.
func (s *Server) Leases(ctx context.Context) (*Leases, error) {
	if _, err := s.migrate(ctx, orderService, "leases"); err != nil {
		return nil, err
	}
	host, _ := os.Hostname() // for people only
	return &Leases{server: s, logger: s.logger, holder: fmt.Sprintf("%s/%d", host, os.Getpid())}, nil
}

// Hold waits until the lease of a name is ours, as long as that takes, and runs
// work with a token that is greater than that of every holder before. The ctx of
// work ends within two seconds after the lease is lost. Hold returns what work
// returns, and Unavailable if the lease was lost and work has no error of its
// own; a ctx that ends while waiting is Unavailable too.
func (l *Leases) Hold(ctx context.Context, name string, work func(ctx context.Context, token int64) error) error {
	for {
		c, token, err := l.take(ctx, name)
		if err == nil {
			l.logger.Info("the lease is held", "lease", name, "token", token)
			return l.hold(ctx, c, name, token, work)
		}
		if ctx.Err() != nil {
			return mapped(ctx.Err())
		}
		l.logger.Warn("the lease is asked for again", "lease", name, "error", err)
		if err := pause(ctx, leaseRetry); err != nil {
			return err
		}
	}
}

// take waits for the lease on a connection of its own.
func (l *Leases) take(ctx context.Context, name string) (*pgx.Conn, int64, error) {
	c, err := l.server.dial(ctx, orderService)
	if err != nil {
		return nil, 0, err
	}
	token, err := l.lock(ctx, c, name)
	if err != nil {
		drop(c)
		return nil, 0, mapped(err)
	}
	return c, token, nil
}

func (l *Leases) lock(ctx context.Context, c *pgx.Conn, name string) (token int64, err error) {
	if err := asked(ctx, func(ctx context.Context) error {
		_, err := c.Exec(ctx, "SET lock_timeout = "+millis(leaseWait)+";\nSET idle_session_timeout = "+millis(leaseSilence))
		return err
	}); err != nil {
		return 0, err
	}
	for {
		err := asked(ctx, func(ctx context.Context) error {
			_, err := c.Exec(ctx, statement("lease_lock"), lockKey(name))
			return err
		})
		if err == nil {
			break
		}
		if state(err) != stateLockTimeout {
			return 0, err
		}
	}
	return token, asked(ctx, func(ctx context.Context) error {
		return c.QueryRow(ctx, statement("lease_token"), name, l.holder).Scan(&token)
	})
}

// asked bounds one answer: the server gives up after leaseWait, and a way that
// is dead says nothing.
func asked(ctx context.Context, question func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, leaseWait+leasePingTimeout)
	defer cancel()
	return question(ctx)
}

// lockKey names a lease to the server's advisory locks of one key.
func lockKey(name string) int64 {
	sum := sha256.Sum256([]byte("orderflow lease " + name))
	return int64(binary.BigEndian.Uint64(sum[:]))
}

func (l *Leases) hold(ctx context.Context, c *pgx.Conn, name string, token int64, work func(context.Context, int64) error) error {
	held, lost := context.WithCancelCause(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		if err := watchOver(held, c); err != nil {
			lost(domain.Wrap(domain.Unavailable, err, "The lease %s is lost", name))
		}
	})
	err := work(held, token)
	cause := context.Cause(held)
	lost(nil)
	watch.Wait()
	drop(c)
	if ctx.Err() == nil && cause != nil {
		l.logger.Warn("the lease is lost", "lease", name, "token", token, "error", cause)
		if err == nil || errors.Is(err, context.Canceled) {
			return cause
		}
	}
	return err
}

// watchOver asks the session until ctx is done, or it does not answer.
func watchOver(ctx context.Context, c *pgx.Conn) error {
	tick := time.NewTicker(leasePing)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		answer, cancel := context.WithTimeout(context.WithoutCancel(ctx), leasePingTimeout)
		err := c.Ping(answer)
		cancel()
		if err != nil {
			return err
		}
	}
}

// drop ends a session, and its lock with it, without waiting long.
func drop(c *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), leasePingTimeout)
	defer cancel()
	_ = c.Close(ctx) // a lost one ends by itself
}
