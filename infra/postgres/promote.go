package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"orderflow/domain"
	"orderflow/projections"
)

// Limits of a switch.
const (
	// switchLockTimeout bounds the wait for the statements that use the views:
	// while it waits, new statements wait behind it.
	switchLockTimeout = 100 * time.Millisecond
	// switchPause is between two attempts.
	switchPause = 100 * time.Millisecond
	// maxSwitchAttempts bounds the attempts: half a minute.
	maxSwitchAttempts = 150
)

// Prepare makes the indexes that questions need, and the statistics with which
// they are planned, so that Promote need not.
func (b *building) Prepare(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.makeReady(ctx)
}

func (b *building) makeReady(ctx context.Context) error {
	if err := b.awaitWrite(ctx); err != nil || b.ready {
		return err
	}
	if _, err := b.conn.Exec(ctx, b.tables.indexes()+";\nANALYZE "+b.tables.names()); err != nil {
		b.failed = gone(err)
		return b.failed
	}
	b.ready = true
	return nil
}

// Promote implements [projections.Building]. It is Conflict, and may be tried
// again after more batches, when another process brought the serving version
// further than this one stands.
func (b *building) Promote(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.promoted {
		return nil
	}
	if err := b.makeReady(ctx); err != nil {
		return err
	}
	for attempt := 0; ; attempt++ {
		err := b.change(ctx)
		if err == nil {
			break
		}
		// No row is serving for a process that waited while another version was promoted.
		again := state(err) == stateLockTimeout || errors.Is(err, pgx.ErrNoRows)
		if !again || attempt == maxSwitchAttempts {
			return b.undecided(ctx, err)
		}
		if err := pause(ctx, switchPause); err != nil {
			return err
		}
	}
	b.serve(ctx)
	return nil
}

// change is the switch: one transaction.
func (b *building) change(ctx context.Context) error {
	l := b.versions
	return pgx.BeginFunc(ctx, b.conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL synchronous_commit = on;\nSET LOCAL lock_timeout = "+millis(switchLockTimeout)); err != nil {
			return err
		}
		var id, at int64
		if err := tx.QueryRow(ctx, statement("version_hold"), l.group.Name, l.tag).Scan(&id, &at); err != nil {
			return err
		}
		if moved := id != b.before || at != int64(b.beforeAt); moved && at > int64(b.at.Position()) {
			return domain.Errorf(domain.Conflict, "The view went on to position %d while this version was built up to %d.", at, b.at.Position())
		}
		if _, err := tx.Exec(ctx, statement("version_retire"), id); err != nil {
			return err
		}
		served, err := tx.Exec(ctx, statement("version_serve"), append([]any{b.id}, bindCheckpoint(b.at)...)...)
		if err != nil {
			return err
		}
		if served.RowsAffected() != 1 {
			return domain.Errorf(domain.Unavailable, "The version was dropped while it was built; build it again.")
		}
		if err := l.show(ctx, tx, b.version); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, statement("notify"), fmt.Sprint(l.group.Name, " ", b.at.Position()))
		return err
	})
}

// undecided looks, after an error, whether the switch was made all the same:
// the connection may have been lost after the commit.
func (b *building) undecided(ctx context.Context, failed error) error {
	if _, refused := errors.AsType[*domain.Error](failed); refused || state(failed) != "" {
		return mapped(failed)
	}
	var now string
	err := b.versions.pool.QueryRow(ctx, statement("version_state"), b.id).Scan(&now)
	if err == nil && now == stateLive {
		b.serve(ctx)
		return nil
	}
	return mapped(failed)
}

// serve goes on as the serving version, from the pool.
func (b *building) serve(ctx context.Context) {
	b.promoted, b.written, b.buffers = true, nil, [2]buffers{}
	ctx, cancel := b.versions.server.within(context.WithoutCancel(ctx))
	defer cancel()
	_ = b.conn.Close(ctx) // it has done its work
	b.versions.see(b.id)
	b.versions.sweep(ctx)
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return mapped(ctx.Err())
	}
}

var _ projections.Preparer = (*building)(nil)
