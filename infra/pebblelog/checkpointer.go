package pebblelog

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"orderflow/domain/eventlog"
	"orderflow/internal/pause"
)

// checkpointer writes the checkpoint beside the appends, never in their way.
type checkpointer struct {
	files   folder
	writing sync.Mutex
	key     ed25519.PrivateKey
	last    atomic.Int64 // position of the checkpoint on disk
	pending atomic.Int64 // events since then
	due     chan struct{}
}

// moved notes that n events came on disk.
func (c *checkpointer) moved(n int) {
	if c.pending.Add(int64(n)) >= checkpointEvents {
		select {
		case c.due <- struct{}{}:
		default:
		}
	}
}

// checkpoints keeps the checkpoint up to date until the last append is
// answered, and then once more.
func (l *Log) checkpoints() {
	defer close(l.checkpointed)
	every := time.NewTicker(checkpointEvery)
	defer every.Stop()
	for {
		stopping := false
		select {
		case <-l.checkpointer.due:
		case <-every.C:
		case <-l.stopped:
			stopping = true
		case <-l.failed:
			return
		}
		if err := l.writeCheckpoint(); err != nil && !isFull(err) {
			l.fail(fmt.Errorf("write the checkpoint: %w", err))
			return
		}
		if stopping {
			return
		}
		pause.Or(checkpointPause, l.stopped, nil)
	}
}

// isFull reports whether there was no room. The checkpoint before is whole, and only
// further behind: the next one is written when there is room again.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// writeCheckpoint writes one for the newest event on disk, if it has moved.
func (l *Log) writeCheckpoint() error {
	l.checkpointer.writing.Lock()
	defer l.checkpointer.writing.Unlock()
	end, _ := l.tail.position()
	if l.hasFailed() || int64(end) == l.checkpointer.last.Load() {
		return nil
	}
	l.checkpointer.pending.Store(0)
	c, err := l.checkpointAt(end)
	if err != nil {
		return err
	}
	if err := l.checkpointer.files.write(checkpointName, c.encode(l.checkpointer.key)); err != nil {
		return err
	}
	l.checkpointer.last.Store(int64(end))
	l.opts.Hooks.Checkpointed(int64(end))
	return nil
}

// checkpointAt returns the checkpoint of a log that ends at p.
func (l *Log) checkpointAt(p eventlog.Position) (checkpoint, error) {
	c := checkpoint{position: p}
	if p == 0 {
		return c, nil
	}
	record, closer, err := l.db.Get(eventKey(p))
	if err != nil {
		return c, broken(p, err)
	}
	_, err = decodeRecord(record, p)
	c.record = sha256.Sum256(record)
	if err := errors.Join(err, closer.Close()); err != nil {
		return c, broken(p, err)
	}
	return c, nil
}
