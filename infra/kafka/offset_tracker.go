package kafka

import (
	"context"
	"sync"
)

// offsetTracker tracks the delivered messages of one partition, so that offsets are
// committed in order although handlers finish in any order. Offsets have gaps.
type offsetTracker struct {
	mu      sync.Mutex
	open    []slot // in the order of offsets; the first is not acknowledged
	bytes   int
	changed chan struct{} // closed and replaced when open shrinks
}

type slot struct {
	offset int64
	bytes  int
	done   bool
}

func newOffsetTracker() *offsetTracker { return &offsetTracker{changed: make(chan struct{})} }

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
		changed := w.changed
		w.mu.Unlock()
		select {
		case <-changed:
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
	close(w.changed)
	w.changed = make(chan struct{})
	return next, true
}
