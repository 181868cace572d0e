package kafka

import (
	"context"
	"sync"

	"orderflow/internal/broadcast"
)

// offsetTracker tracks the delivered messages of one partition, so that offsets are
// committed in order although handlers finish in any order. Offsets have gaps.
type offsetTracker struct {
	mu     sync.Mutex
	open   []slot // in the order of offsets; the first is not acknowledged
	bytes  int
	shrunk broadcast.Signal // sent when open shrinks
}

type slot struct {
	offset int64
	bytes  int
	done   bool
}

func newOffsetTracker() *offsetTracker { return &offsetTracker{} }

// track adds a message once there is room; it returns false if ctx ended first.
func (w *offsetTracker) track(ctx context.Context, offset int64, bytes int) bool {
	for {
		w.mu.Lock()
		if len(w.open) == 0 || len(w.open) < Window && w.bytes+bytes <= WindowBytes {
			w.open = append(w.open, slot{offset: offset, bytes: bytes})
			w.bytes += bytes
			w.mu.Unlock()
			return true
		}
		shrunk := w.shrunk.Wait()
		w.mu.Unlock()
		select {
		case <-shrunk:
		case <-ctx.Done():
			return false
		}
	}
}

// acknowledge marks a message as handled. If all messages before it are handled
// too, moved is true and next is the offset to commit.
func (w *offsetTracker) acknowledge(offset int64) (next int64, moved bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.open {
		if w.open[i].offset == offset {
			w.open[i].done = true
			break
		}
	}
	n := 0
	for ; n < len(w.open) && w.open[n].done; n++ {
		w.bytes -= w.open[n].bytes
		next = w.open[n].offset + 1
	}
	if n == 0 {
		return 0, false
	}
	w.open = append(w.open[:0], w.open[n:]...)
	w.shrunk.Send()
	return next, true
}
