package sagas

import (
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/internal/priority"
)

// alarm is an order that waits for a time.
type alarm struct {
	order domain.OrderID
	at    time.Time
	tries int  // failed looks so far
	retry bool // brought forward: the cause of the wait may be gone
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
	if l.due.Len() >= MaxTimers {
		return
	}
	l.waiting[order] = l.due.Push(alarm{order: order, at: at, tries: tries})
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
	if a := l.waiting[order]; a != nil && !a.Value.at.After(at) {
		l.drop(a)
	}
}

// earliest returns the next alarm; ok is false if there is none.
func (l *lanes) earliest() (order domain.OrderID, at time.Time, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, ok := l.due.First()
	if !ok {
		return "", time.Time{}, false
	}
	return a.order, a.at, true
}

func (l *lanes) retryAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.due.FixAll(func(a *alarm) { a.at, a.retry = time.Time{}, true })
	l.signalChanged()
}

func (l *lanes) retryOne() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a, ok := l.due.First(); ok {
		first := l.waiting[a.order]
		first.Value.at, first.Value.retry = time.Time{}, true // still the earliest
		l.signalChanged()
	}
}

func (l *lanes) counts() (busy, timers int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.busy), l.due.Len()
}

func (l *lanes) drop(a *priority.Item[alarm]) {
	l.due.Remove(a)
	delete(l.waiting, a.Value.order)
}

// earlier reports whether a is due before b.
func earlier(a, b alarm) bool { return a.at.Before(b.at) }

func (l *lanes) signalChanged() {
	select {
	case l.changed <- struct{}{}:
	default:
	}
}
