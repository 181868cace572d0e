package pebblelog

import (
	"sync"

	"orderflow/domain/eventlog"
	"orderflow/internal/broadcast"
)

// tail holds the newest events that are on disk, for readers that are caught
// up, and wakes those that wait for more.
type tail struct {
	mu    sync.RWMutex
	ring  []eventlog.Recorded // the event at position p is ring[p % len]
	first eventlog.Position   // the ring holds what is above first, up to end
	end   eventlog.Position
	bytes int              // of the data in the ring
	grown broadcast.Signal // sent when end moves
}

func newTail(end eventlog.Position) *tail {
	return &tail{ring: make([]eventlog.Recorded, tailEvents), first: end, end: end}
}

// publish adds events, which continue at end and are on disk.
func (t *tail) publish(events []eventlog.Recorded) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range events {
		if t.end-t.first == eventlog.Position(len(t.ring)) {
			t.forget()
		}
		t.ring[int(r.Position)%len(t.ring)] = r
		t.bytes += len(r.Data)
		t.end = r.Position
	}
	for t.bytes > tailBytes {
		t.forget()
	}
	t.grown.Send()
}

// forget drops the oldest event of the ring.
func (t *tail) forget() {
	t.first++
	slot := &t.ring[int(t.first)%len(t.ring)]
	t.bytes -= len(slot.Data)
	*slot = eventlog.Recorded{}
}

// drop forgets the events up to a position: some of them were scavenged, and
// readers find in the database which.
func (t *tail) drop(upTo eventlog.Position) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.first < min(upTo, t.end) {
		t.forget()
	}
}

// position returns the end, and a channel that is closed when it moves.
func (t *tail) position() (eventlog.Position, <-chan struct{}) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.end, t.grown.Wait()
}

// above returns the next events above a position, at most a chunk, and whether
// the ring reaches back that far.
func (t *tail) above(p eventlog.Position) (chunk []eventlog.Recorded, ok bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if p < t.first {
		return nil, false
	}
	last := min(t.end, p+chunkEvents)
	if last <= p {
		return nil, true
	}
	chunk = make([]eventlog.Recorded, 0, last-p)
	for at := p + 1; at <= last; at++ {
		chunk = append(chunk, t.ring[int(at)%len(t.ring)])
	}
	return chunk, true
}
