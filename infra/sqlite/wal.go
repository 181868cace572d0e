package sqlite

import (
	"context"
	"database/sql"
	"sync/atomic"
)

// walCheckpointer checkpoints the WAL of a serving version in the background, on its
// own connection: a checkpoint writes many pages and ends with an fsync, which
// would delay the batch and every request that waits for the view.
//
//	Write ─commit─▶ grown ─▶ walCheckpointer: checkpointPages in the WAL? copy them ─▶ moved
//	Write ─commit─▶ moved? copy the pages since then; the WAL restarts
//
// The writer takes the last step, because only a WAL without new commits can be
// copied completely, and a WAL that never is grows without limit.
type walCheckpointer struct {
	db    *sql.DB
	grown chan struct{} // something was committed
	moved atomic.Bool   // most of the WAL; the writer is to move the rest
	stop  context.CancelFunc
	done  chan struct{}
}

// startWALCheckpointer starts the checkpointer of a serving version; its goroutine ends with close.
func startWALCheckpointer(path string) (*walCheckpointer, error) {
	db, err := sql.Open("sqlite", dsn(path, false, checkpointerCacheKiB))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	ctx, stop := context.WithCancel(context.Background())
	m := &walCheckpointer{db: db, grown: make(chan struct{}, 1), stop: stop, done: make(chan struct{})}
	go m.run(ctx)
	return m, nil
}

func (m *walCheckpointer) run(ctx context.Context) {
	defer close(m.done)
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.grown:
		}
		if pages, err := m.checkpoint(ctx, "NOOP"); err != nil || pages < checkpointPages {
			continue // what cannot be read now is asked again after the next commit
		}
		if _, err := m.checkpoint(ctx, "PASSIVE"); err == nil {
			m.moved.Store(true)
		}
	}
}

// checkpoint runs a checkpoint and returns how many pages remain in the WAL.
func (m *walCheckpointer) checkpoint(ctx context.Context, mode string) (pages int, err error) {
	var busy, written, moved int
	err = m.db.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &written, &moved)
	return written - moved, err
}

// committed signals that the WAL grew. It never blocks.
func (m *walCheckpointer) committed() {
	select {
	case m.grown <- struct{}{}:
	default:
	}
}

func (m *walCheckpointer) close() error {
	m.stop()
	<-m.done
	return m.db.Close()
}
