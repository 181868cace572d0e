package aggregatetest

import (
	"context"
	"iter"
	"sync"
	"testing"

	"orderflow/domain/eventlog"
	"orderflow/infra/memory"
)

// Hiding is a log in memory whose streams can be deleted as an EventStoreDB
// deletes them: such a stream reads as new from its beginning, and is Incomplete
// behind it and on append, though what was appended stands in the log.
type Hiding struct {
	*memory.Log
	mu      sync.Mutex
	deleted map[eventlog.Stream]eventlog.Version // that stood when it was deleted
	Refuses map[eventlog.Stream]bool             // appends with Conflict, as a stream does whose events all are too old
}

// NewHiding returns a log without streams.
func NewHiding() *Hiding {
	return &Hiding{Log: memory.New(), deleted: map[eventlog.Stream]eventlog.Version{}, Refuses: map[eventlog.Stream]bool{}}
}

func (h *Hiding) hides(s eventlog.Stream) (last eventlog.Version, deleted, refuses bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	last, deleted = h.deleted[s]
	return last, deleted, h.Refuses[s]
}

// Delete hides the events that s has now.
func (h *Hiding) Delete(t testing.TB, s eventlog.Stream) {
	t.Helper()
	var last eventlog.Version
	for r, err := range h.Log.Read(t.Context(), s, 0) {
		if err != nil {
			t.Fatal(err)
		}
		last = r.Version
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.deleted[s] = last
}

// Restore shows the events of s again.
func (h *Hiding) Restore(s eventlog.Stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.deleted, s)
}

// Read implements eventlog.Store.
func (h *Hiding) Read(ctx context.Context, s eventlog.Stream, above eventlog.Version) iter.Seq2[eventlog.Recorded, error] {
	last, deleted, _ := h.hides(s)
	if !deleted {
		return h.Log.Read(ctx, s, above)
	}
	return func(yield func(eventlog.Recorded, error) bool) {
		for r, err := range h.Log.Read(ctx, s, last) {
			if err == nil && above < last {
				yield(eventlog.Recorded{}, eventlog.ErrIncomplete(s, above+1, r.Version))
				return
			}
			if !yield(r, err) {
				return
			}
		}
		if above > 0 && above <= last {
			yield(eventlog.Recorded{}, eventlog.ErrIncomplete(s, above, 0))
		}
	}
}

// Append implements eventlog.Store.
func (h *Hiding) Append(ctx context.Context, s eventlog.Stream, v eventlog.Version, events ...eventlog.Pending) (eventlog.Appended, error) {
	last, deleted, refuses := h.hides(s)
	switch {
	case refuses:
		return eventlog.Appended{}, eventlog.ErrConflict(s, v, last)
	case !deleted:
		return h.Log.Append(ctx, s, v, events...)
	case v > 0:
		return eventlog.Appended{}, eventlog.ErrIncomplete(s, 1, 0)
	}
	at, err := h.Log.Append(ctx, s, last, events...)
	if err != nil {
		return at, err
	}
	return eventlog.Appended{}, eventlog.ErrIncomplete(s, 1, at.Version)
}
