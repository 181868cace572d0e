package sagas_test

import (
	"context"
	"iter"
	"strings"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// The ways in which an EventStoreDB takes events of a stream away. Until a
// scavenge all of them are still told to subscribers of the whole log.
const (
	maxCount   = "$maxCount 1" // only the last event is there
	deleted    = "deleted"     // it can be neither read nor begun; only who knows its last version appends
	tombstoned = "tombstoned"  // it can be neither read nor appended to
)

// veil hides events of one stream.
type veil struct {
	way  string
	last eventlog.Version // that stood when it was cut
}

// hide cuts a stream; one without events stays as it is.
func (w *world) hide(s eventlog.Stream, way string) {
	last := lastOf(w, s)
	if last == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.veils == nil {
		w.veils = map[eventlog.Stream]veil{}
	}
	w.veils[s] = veil{way, last}
}

// restore takes back what hide did.
func (w *world) restore() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.veils = nil
}

func (w *world) veil(s eventlog.Stream) (veil, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v, ok := w.veils[s]
	return v, ok
}

func lastOf(w *world, s eventlog.Stream) (last eventlog.Version) {
	for r, err := range w.log.Read(context.Background(), s, 0) {
		if err == nil {
			last = r.Version
		}
	}
	return last
}

func (w *world) veiledRead(ctx context.Context, s eventlog.Stream, above eventlog.Version) iter.Seq2[eventlog.Recorded, error] {
	v, ok := w.veil(s)
	if !ok {
		return w.log.Read(ctx, s, above)
	}
	if v.way == tombstoned {
		return func(yield func(eventlog.Recorded, error) bool) {
			yield(eventlog.Recorded{}, eventlog.ErrIncomplete(s, 1, 0))
		}
	}
	hidden := v.last
	if v.way == maxCount {
		hidden = lastOf(w, s) - 1
	}
	return eventlog.Whole(s, above, func(yield func(eventlog.Recorded, error) bool) {
		left := 0
		for r, err := range w.log.Read(ctx, s, max(above, hidden)) {
			if left++; !yield(r, err) {
				return
			}
		}
		if v.way == deleted && left == 0 {
			yield(eventlog.Recorded{}, eventlog.ErrIncomplete(s, 1, 0))
		}
	})
}

func (w *world) veiledAppend(ctx context.Context, s eventlog.Stream, at eventlog.Version, events ...eventlog.Pending) (eventlog.Appended, error) {
	v, ok := w.veil(s)
	if ok && (v.way == tombstoned || v.way == deleted && at == 0) {
		return eventlog.Appended{}, eventlog.ErrIncomplete(s, 1, 0)
	}
	return w.log.Append(ctx, s, at, events...)
}

func (w *world) reacted(saga string, err error, _ time.Duration) {
	if err != nil && w.told != nil {
		w.told(saga, err)
	}
}

// called tells of an outside call for the order that its key ends with.
func (w *world) called(op, key string) {
	if w.seen == nil {
		return
	}
	_, id, ok := strings.Cut(key, "ord_")
	if ok {
		w.seen(op, domain.OrderID("ord_"+id))
	}
}
