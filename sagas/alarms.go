package sagas

import (
	"container/heap"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// alarm is an order that waits for a time.
type alarm struct {
	order domain.OrderID
	at    time.Time
	tries int  // failed looks so far
	retry bool // brought forward: the cause of the wait may be gone
	index int  // in the heap; -1 when taken out
}

// wake has order reacted to at once, or again if a reaction is under way.
func (l *lanes) wake(order domain.OrderID) {
	if !l.join(order, eventlog.Mark{}) {
		l.wait(order, time.Time{}, 0)
	}
}

// wait sets an alarm that has order reacted to at a time. Beyond MaxTimers it does
// nothing: the watchdog finds the order.
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
	l.signalChanged()
}

// isWaiting reports whether order has an alarm.
func (l *lanes) isWaiting(order domain.OrderID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waiting[order] != nil
}

// silence removes the alarm of order unless it was set for later than at.
func (l *lanes) silence(order domain.OrderID, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.waiting[order]; a != nil && !a.at.After(at) {
		l.drop(a)
	}
}

// earliest returns the next alarm; ok is false if there is none.
func (l *lanes) earliest() (order domain.OrderID, at time.Time, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.due) == 0 {
		return "", time.Time{}, false
	}
	return l.due[0].order, l.due[0].at, true
}

func (l *lanes) retryAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.due {
		a.at, a.retry = time.Time{}, true // all equal: still a heap
	}
	l.signalChanged()
}

func (l *lanes) retryOne() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.due) > 0 {
		l.due[0].at, l.due[0].retry = time.Time{}, true // still the earliest
		l.signalChanged()
	}
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

func (l *lanes) signalChanged() {
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
