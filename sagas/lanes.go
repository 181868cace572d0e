package sagas

import (
	"context"
	"sync"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// lanes keep who is being looked at, who must be looked at again, and who
// waits for a moment.
type lanes struct {
	slots        chan struct{} // one per lane in use
	tracksEvents bool          // remember every event, for leave to say which were dealt with

	mu      sync.Mutex
	busy    map[domain.OrderID]*lane
	due     alarms
	waiting map[domain.OrderID]*alarm
	changed chan struct{}       // told when the earliest alarm may have changed
	read    eventlog.Checkpoint // everything up to here was read
}

// lane is one order being looked at.
type lane struct {
	before resumePoint // of its first event that is not dealt with
	again  bool        // something came while it was looked at
	next   resumePoint // before the first event of what came

	held, coming []eventlog.Position // if lanes.hold: what this look deals with, and what came since
}

// place is how far the feed was read when an event came. A reader knows no
// position just below an event but the one of what it read before.
type resumePoint struct {
	at  eventlog.Checkpoint
	set bool // false: there is no event
}

func newLanes(n int) *lanes {
	return &lanes{
		slots: make(chan struct{}, n), busy: map[domain.OrderID]*lane{},
		waiting: map[domain.OrderID]*alarm{}, changed: make(chan struct{}, 1),
	}
}

// enter begins a look at order because of an event (zero: no event). It waits
// for a free lane; started is false when the order is looked at already and
// will be again.
func (l *lanes) enter(ctx context.Context, order domain.OrderID, event eventlog.Mark) (tries int, started bool, err error) {
	if l.join(order, event) {
		return 0, false, nil
	}
	select {
	case l.slots <- struct{}{}:
	case <-ctx.Done():
		return 0, false, ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.joinLocked(order, event) { // somebody else began while we waited
		<-l.slots
		return 0, false, nil
	}
	l.busy[order] = &lane{before: l.noteRead(event)}
	if l.tracksEvents && event.Position > 0 {
		l.busy[order].held = []eventlog.Position{event.Position}
	}
	if a := l.waiting[order]; a != nil {
		tries = a.tries
		l.drop(a)
	}
	return tries, true, nil
}

// take notes that an event was read, and returns the place before it.
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

// leave ends a look and says, if it was told to hold them, which events that
// dealt with; again says to look once more at once.
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

// passed notes that an event was read that wakes nobody.
func (l *lanes) passed(event eventlog.Mark) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.readTo(event)
}

// watermark notes that there is nothing to read up to p.
func (l *lanes) watermark(p eventlog.Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p > l.read.Position() {
		l.read.Passed = eventlog.Mark{Position: p}
	}
}

// done returns how far every event was dealt with: up to the last one before
// the first that is not.
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

// restart notes that the feed is read from c on. What is under way counts as
// not dealt with from there: its own places may be of another log.
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
