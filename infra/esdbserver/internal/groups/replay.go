package groups

import (
	"container/list"
	"slices"
)

// replay is the machine's state of the parked stream.
//
//	 first          next            until        end
//	───┬──────────────┬───────────────┬────────────┬─────▶ numbers of the parked stream
//	   │ being        │ to be         │ parked     │
//	   │ delivered    │ delivered     │            │
//
// An event that is delivered again stays parked until it is finished: the
// stream is truncated only up to the first one that is not. So a crash during
// a replay leaves it parked. If it fails again, the new link is written in one
// append with the truncation that removes the old one.
type replay struct {
	first, next, until, end int64

	queue   queue      // to be delivered
	open    *list.List // not finished, by number
	again   []*item    // to be parked again, by number
	reading bool
	written bool // what is being written as parked belongs to the replay
}

// startReplay begins a replay or adds to the one under way. What clients have
// asked to park belongs to it, however far the writing is.
func (m *Machine) startReplay(in Replay) {
	r := &m.replay
	r.end = max(r.end, in.End)
	if in.StopAt > r.end {
		r.written = r.written || m.writing != nil && len(m.writing.Parks) > 0
		m.unpark()
	}
	r.until = max(r.until, min(in.StopAt, r.end))
	kept := r.again[:0]
	for _, i := range r.again {
		if i.writing || i.entry >= in.StopAt {
			kept = append(kept, i)
			continue
		}
		i.retries = 0
		m.reopen(i)
		r.queue.insert(i)
	}
	clear(r.again[len(kept):])
	r.again = kept
}

// unpark removes parked events that were not written yet.
func (m *Machine) unpark() {
	written := 0
	for written < len(m.parking) && m.parking[written].writing {
		written++
	}
	for _, i := range m.parking[written:] {
		i.retries = 0
	}
	m.retries.insert(m.parking[written:]...)
	m.parking = append(m.parking[:0:0], m.parking[:written]...)
}

// reopen puts an event among those that are not finished, at its place.
func (m *Machine) reopen(i *item) {
	for e := m.replay.open.Back(); e != nil; e = e.Prev() {
		if e.Value.(*item).entry < i.entry {
			i.open = m.replay.open.InsertAfter(i, e)
			return
		}
	}
	i.open = m.replay.open.PushFront(i)
}

// readParked asks for the next entries if there is room for them.
func (m *Machine) readParked() {
	r := &m.replay
	if r.reading || r.next >= r.until || r.queue.len() >= m.settings.history() || m.held >= MaxHeldBytes {
		return
	}
	r.reading = true
	m.out.ReadParked = &ReadParked{From: r.next, To: r.until, Max: m.settings.batch()}
}

func (m *Machine) unparked(in Unparked) {
	r := &m.replay
	r.reading = false
	for _, e := range in.Entries {
		if e.Number < r.next || e.Gone { // there is nothing left to deliver
			continue
		}
		i := &item{event: e.Event, entry: e.Number}
		m.held += e.Event.Bytes
		i.open = r.open.PushBack(i)
		r.queue.push(i)
	}
	r.next = max(r.next, in.Next)
}

// parkAgain leaves an event where it is until it can be moved to the end.
func (m *Machine) parkAgain(i *item) {
	r := &m.replay
	r.open.Remove(i.open)
	i.open = nil
	at, _ := slices.BinarySearchFunc(r.again, i, byOrder)
	r.again = slices.Insert(r.again, at, i)
}

// truncateParked adds to a write the removal of what was replayed and finished.
func (m *Machine) truncateParked(w *Write, u urgency) {
	r := &m.replay
	to := r.next
	if first := r.open.Front(); first != nil {
		to = first.Value.(*item).entry
	}
	over := r.open.Len() == 0 && r.next >= r.until && !r.reading
	if to <= r.first || !over && u == whenDue && uint64(to-r.first) < m.settings.maximum() {
		return
	}
	for _, i := range r.again {
		if i.entry >= to {
			break
		}
		if len(w.Parks) == maxParksPerWrite {
			to = i.entry
			break
		}
		i.writing = true
		w.Parks = append(w.Parks, Park{Event: i.event, Reason: i.reason, item: i})
	}
	w.TruncateTo = to
}

// replaying reports whether parked events are being delivered.
func (r *replay) replaying() bool { return r.next < r.until || r.open.Len() > 0 }

// parked counts the events that are parked and not being delivered.
func (r *replay) parked() int64 { return r.end - max(r.first, r.next) + int64(len(r.again)) }
