package projections

import (
	"sync"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Change is a change of a group's rows.
type Change struct {
	Group    string
	Position eventlog.Position
	Orders   []domain.OrderID // whose row changed, each once; shared, not to be changed
	Missed   bool             // the listener was too slow, or the view was rebuilt: anything may have changed
}

// MaxPendingChanges bounds the changes a slow listener of everything may be behind.
const MaxPendingChanges = 256

// Changes publishes commits to listeners in this process. It never waits for them: a
// slow listener loses changes and is told so; a watcher of one order gets the newest
// position.
type Changes struct {
	mu        sync.Mutex
	listeners map[*listener]struct{}
	watchers  map[domain.OrderID]map[chan eventlog.Position]struct{}
}

type listener struct {
	out    chan Change
	missed bool
}

// NewChanges returns a hub without listeners.
func NewChanges() *Changes {
	return &Changes{listeners: map[*listener]struct{}{}, watchers: map[domain.OrderID]map[chan eventlog.Position]struct{}{}}
}

// Listen reports every change until stop is called. A listener that is more
// than [MaxPendingChanges] behind misses some; the next one it gets says so.
func (c *Changes) Listen() (changes <-chan Change, stop func()) {
	l := &listener{out: make(chan Change, MaxPendingChanges)}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listeners[l] = struct{}{}
	return l.out, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.listeners, l)
	}
}

// Watch reports the newest position at which one order's row changed, until
// stop is called. Look at the row after Watch, and again after each report,
// and no change is missed; reports that were not received are merged.
func (c *Changes) Watch(id domain.OrderID) (positions <-chan eventlog.Position, stop func()) {
	out := make(chan eventlog.Position, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watchers[id] == nil {
		c.watchers[id] = map[chan eventlog.Position]struct{}{}
	}
	c.watchers[id][out] = struct{}{}
	return out, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.watchers[id], out)
		if len(c.watchers[id]) == 0 {
			delete(c.watchers, id)
		}
	}
}

// Publish sends a change to all listeners and watchers. It never waits.
func (c *Changes) Publish(change Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for l := range c.listeners {
		told := change
		told.Missed = told.Missed || l.missed
		select {
		case l.out <- told:
			l.missed = false
		default:
			l.missed = true
		}
	}
	if change.Missed {
		for id := range c.watchers {
			c.notify(id, change.Position)
		}
		return
	}
	for _, id := range change.Orders {
		c.notify(id, change.Position)
	}
}

// notify replaces the report that a watcher has not received. Only the holder of mu sends,
// so after taking the old report there is room for the new one.
func (c *Changes) notify(id domain.OrderID, at eventlog.Position) {
	for out := range c.watchers[id] {
		select {
		case <-out:
		default:
		}
		out <- at
	}
}
