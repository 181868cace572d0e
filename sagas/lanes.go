package sagas

import (
	"context"
	"sync"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/internal/priority"
)

// lanes tracks which orders are being reacted to, which must be reacted to again, and
// which wait for a timer.
type lanes struct {
	slots        chan struct{} // one per lane in use
	tracksEvents bool          // remember the position of every event, for leave to return

	mu      sync.Mutex
	busy    map[domain.OrderID]*lane
	due     *priority.Queue[alarm]
	waiting map[domain.OrderID]*priority.Item[alarm]
	changed chan struct{}       // signalled when the earliest alarm may have changed
	read    eventlog.Checkpoint // the feed was read up to here
}

// lane is one order that is being reacted to.
type lane struct {
	before resumePoint // its first event that is not handled
	again  bool        // an event came during the reaction
	next   resumePoint // before the first of those events

	held, coming []eventlog.Position // if lanes.tracksEvents: the events of this reaction, and those that came since
}

// resumePoint is the checkpoint of the feed before an event, from which reading would
// bring that event again. Positions are not computed, so it is the checkpoint of the
// event read before.
type resumePoint struct {
	at  eventlog.Checkpoint
	set bool // false: there is no event
}

func newLanes(n int) *lanes {
	return &lanes{
		slots: make(chan struct{}, n), busy: map[domain.OrderID]*lane{},
		due: priority.New(earlier), waiting: map[domain.OrderID]*priority.Item[alarm]{}, changed: make(chan struct{}, 1),
	}
}

// enter takes a lane for order because of an event (zero: no event), and waits until
// one is free. started is false if the order has a lane already; it is then reacted
// to again. The task takes over the alarm of the order.
func (l *lanes) enter(ctx context.Context, order domain.OrderID, event eventlog.Mark) (t task, started bool, err error) {
	t.order = order
	if l.join(order, event) {
		return t, false, nil
	}
	select {
	case l.slots <- struct{}{}:
	case <-ctx.Done():
		return t, false, ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.joinLocked(order, event) { // another call took a lane during the wait
		<-l.slots
		return t, false, nil
	}
	l.busy[order] = &lane{before: l.noteRead(event)}
	if l.tracksEvents && event.Position > 0 {
		l.busy[order].held = []eventlog.Position{event.Position}
	}
	if a := l.waiting[order]; a != nil {
		t.tries, t.retry = a.Value.tries, a.Value.retry
		l.drop(a)
	}
	return t, true, nil
}

// noteRead records that an event was read, and returns the resume point before it.
func (l *lanes) noteRead(event eventlog.Mark) resumePoint {
	if event.Position == 0 {
		return resumePoint{}
	}
	before := resumePoint{l.read, true}
	l.readTo(event)
	return before
}

func (l *lanes) readTo(event eventlog.Mark) {
	if event.Position > l.read.Position() {
		l.read = eventlog.Checkpoint{Event: event}
	}
}

func (l *lanes) join(order domain.OrderID, event eventlog.Mark) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.joinLocked(order, event)
}

func (l *lanes) joinLocked(order domain.OrderID, event eventlog.Mark) bool {
	have, ok := l.busy[order]
	if !ok {
		return false
	}
	before := l.noteRead(event)
	have.again = true
	if !have.next.set {
		have.next = before
	}
	if l.tracksEvents && event.Position > 0 && len(have.coming) < MaxHeld {
		have.coming = append(have.coming, event.Position)
	}
	return true
}

// leave ends a reaction. It returns the events that were handled, if they are tracked,
// and whether to react again at once.
func (l *lanes) leave(order domain.OrderID) (held []eventlog.Position, again bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	have := l.busy[order]
	held, have.held, have.coming = have.held, have.coming, nil
	if have.again {
		have.again, have.before, have.next = false, have.next, resumePoint{}
		return held, true
	}
	delete(l.busy, order)
	<-l.slots
	return held, false
}

// passed records that an event was read that does not wake the saga.
func (l *lanes) passed(event eventlog.Mark) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.readTo(event)
}

// watermark records that there is nothing to read up to p.
func (l *lanes) watermark(p eventlog.Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p > l.read.Position() {
		l.read.Passed = eventlog.Mark{Position: p}
	}
}

// handled returns the highest checkpoint such that every event at or below it has
// been handled: the resume point of the first event that has not been, or the end of
// what was read.
func (l *lanes) handled() eventlog.Checkpoint {
	l.mu.Lock()
	defer l.mu.Unlock()
	low := l.read
	for _, b := range l.busy {
		for _, p := range [2]resumePoint{b.before, b.next} {
			if p.set && p.at.Position() < low.Position() {
				low = p.at
			}
		}
	}
	return low
}

// restart records that the feed is read above c. Events under way count as not
// handled from c on: their own resume points may be of another log.
func (l *lanes) restart(c eventlog.Checkpoint) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.read = c
	for _, b := range l.busy {
		for _, p := range [2]*resumePoint{&b.before, &b.next} {
			p.at = c
		}
	}
}
