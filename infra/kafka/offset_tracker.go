package kafka

import (
	"context"
	"sync"
)

// offsetTracker keeps which messages of a partition are delivered and not
// acknowledged. Offsets have holes; what counts is their order.
type offsetTracker struct {
	mu      sync.Mutex
	open    []slot // in the order of offsets; the first is not acknowledged
	bytes   int
	changed chan struct{} // closed and replaced when the window shrinks
}

type slot struct {
	offset int64
	bytes  int
	done   bool
}

func newOffsetTracker() *offsetTracker { return &offsetTracker{changed: make(chan struct{})} }

// track takes a message in, once there is room; false means that ctx ended first.
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

// acknowledge acknowledges a message. If those from the first one on are acknowledged
// now, next is the offset to go on from.
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
