package sqlite

import (
	"context"
	"database/sql"
	"sync/atomic"
)

// walCheckpointer moves to the file what a serving version's WAL has gathered, on a
// connection of its own: the pages are many and end with an fsync, and a batch
// that had to wait for that would keep everybody waiting who waits for the view.
//
//	Write ─commit─▶ grown ─▶ mover: checkpointPages in the WAL? move them ─▶ moved
//	Write ─commit─▶ moved? move the few that came meanwhile; the WAL begins anew
//
// The last step is the writer's, because only what stands still can be moved
// wholly, and a WAL that is never moved wholly grows for ever.
type walCheckpointer struct {
	db    *sql.DB
	grown chan struct{} // something was committed
	moved atomic.Bool   // most of the WAL; the writer is to move the rest
	stop  context.CancelFunc
	done  chan struct{}
}

// startWALCheckpointer is for a version that serves. Its goroutine ends with close.
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

// checkpoint returns how many pages wait in the WAL.
func (m *walCheckpointer) checkpoint(ctx context.Context, mode string) (pages int, err error) {
	var busy, written, moved int
	err = m.db.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &written, &moved)
	return written - moved, err
}

// committed tells the mover that the WAL grew. It never waits.
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
