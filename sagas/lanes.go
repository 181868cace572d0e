package sagas

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// lanes keep who is being looked at, who must be looked at again, and who
// waits for a moment.
type lanes struct {
	slots chan struct{} // one per lane in use
	hold  bool          // remember every event, for leave to say which were dealt with

	mu      sync.Mutex
	busy    map[domain.OrderID]*lane
	due     alarms
	waiting map[domain.OrderID]*alarm
	changed chan struct{} // told when the earliest alarm may have changed
	read    eventlog.Position
}

// lane is one order being looked at.
type lane struct {
	since eventlog.Position // its first event that is not dealt with; 0 if none
	again bool              // something came while it was looked at
	next  eventlog.Position // the first of what came

	held, coming []eventlog.Position // if lanes.hold: what this look deals with, and what came since
}

type alarm struct {
	order domain.OrderID
	at    time.Time
	tries int // failed looks so far
	index int // in the heap; -1 when taken out
}

func newLanes(n int) *lanes {
	return &lanes{
		slots: make(chan struct{}, n), busy: map[domain.OrderID]*lane{},
		waiting: map[domain.OrderID]*alarm{}, changed: make(chan struct{}, 1),
	}
}

// enter begins a look at order because of the event at p (0: no event). It
// waits for a free lane; started is false when the order is looked at already
// and will be again.
func (l *lanes) enter(ctx context.Context, order domain.OrderID, p eventlog.Position) (tries int, started bool, err error) {
	if l.join(order, p) {
		return 0, false, nil
	}
	select {
	case l.slots <- struct{}{}:
	case <-ctx.Done():
		return 0, false, ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.joinLocked(order, p) { // somebody else began while we waited
		<-l.slots
		return 0, false, nil
	}
	l.busy[order] = &lane{since: p}
	if l.hold && p > 0 {
		l.busy[order].held = []eventlog.Position{p}
	}
	l.read = max(l.read, p)
	if a := l.waiting[order]; a != nil {
		tries = a.tries
		l.drop(a)
	}
	return tries, true, nil
}

func (l *lanes) join(order domain.OrderID, p eventlog.Position) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.joinLocked(order, p)
}

func (l *lanes) joinLocked(order domain.OrderID, p eventlog.Position) bool {
	have, ok := l.busy[order]
	if !ok {
		return false
	}
	l.read = max(l.read, p)
	if !have.again {
		have.again, have.next = true, p
	} else if have.next == 0 {
		have.next = p
	}
	if l.hold && p > 0 && len(have.coming) < MaxHeld {
		have.coming = append(have.coming, p)
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
		have.again, have.since, have.next = false, have.next, 0
		return held, true
	}
	delete(l.busy, order)
	<-l.slots
	return held, false
}

// wake has order looked at at once, and once more if it is being looked at.
func (l *lanes) wake(order domain.OrderID) {
	if !l.join(order, 0) {
		l.wait(order, time.Time{}, 0)
	}
}

// passed notes that an event was read that wakes nobody.
func (l *lanes) passed(p eventlog.Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.read = max(l.read, p)
}

// done is the position below which every event was dealt with.
func (l *lanes) done() eventlog.Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	low := l.read
	for _, b := range l.busy {
		for _, p := range [2]eventlog.Position{b.since, b.next} {
			if p > 0 && p <= low {
				low = p - 1
			}
		}
	}
	return low
}

// wait looks at order again at a moment. Beyond MaxTimers it does nothing: the
// watchdog finds the order.
func (l *lanes) wait(order domain.OrderID, at time.Time, tries int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.waiting[order]; a != nil {
		l.drop(a)
	}
	if len(l.due) >= MaxTimers {
		return
	}
	a := &alarm{order: order, at: at, tries: tries}
	l.waiting[order] = a
	heap.Push(&l.due, a)
	l.tell()
}

// isWaiting says whether order has an alarm.
func (l *lanes) isWaiting(order domain.OrderID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waiting[order] != nil
}

// silence takes away the alarm of order that was set for a moment.
func (l *lanes) silence(order domain.OrderID, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.waiting[order]; a != nil && !a.at.After(at) {
		l.drop(a)
	}
}

// earliest is the next alarm; ok is false if there is none.
func (l *lanes) earliest() (order domain.OrderID, at time.Time, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.due) == 0 {
		return "", time.Time{}, false
	}
	return l.due[0].order, l.due[0].at, true
}

func (l *lanes) hurry() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.due {
		a.at = time.Time{} // all equal: still a heap
	}
	l.tell()
}

func (l *lanes) counts() (busy, timers int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.busy), len(l.due)
}

func (l *lanes) drop(a *alarm) {
	heap.Remove(&l.due, a.index)
	delete(l.waiting, a.order)
}

func (l *lanes) tell() {
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// alarms is a heap by time.
type alarms []*alarm

func (a alarms) Len() int           { return len(a) }
func (a alarms) Less(i, j int) bool { return a[i].at.Before(a[j].at) }
func (a alarms) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].index, a[j].index = i, j
}

// Push implements heap.Interface.
func (a *alarms) Push(x any) {
	item := x.(*alarm) //nolint:forcetypeassert // only wait pushes
	item.index = len(*a)
	*a = append(*a, item)
}

// Pop implements heap.Interface.
func (a *alarms) Pop() any {
	old := *a
	last := old[len(old)-1]
	*a = old[:len(old)-1]
	last.index = -1
	return last
}
