package commands

import (
	"container/list"
	"context"
	"sync"
	"time"

	"orderflow/domain"
	"orderflow/domain/decider"
	"orderflow/domain/eventlog"
)

// hotGroups is for how many groups a stream counts as hot after one with more
// than one command.
const hotGroups = 16

// cellBytes is what a cell weighs besides the bytes of its events.
const cellBytes = 1_024

// request is one command, or one look, that waits for its turn.
type request[S any, E eventlog.Typed] struct {
	ctx    context.Context //nolint:containedctx // the round of the first in a group carries its values
	cause  Cause
	decide decider.Decision[S, E] // nil for a look
	view   func(S)                // sees the state after the decision

	done chan struct{} // closed when out and err are set
	out  Result
	err  error
}

func (r *request[S, E]) answered() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

func (r *request[S, E]) answer(out Result, err error) {
	r.out, r.err = out, err
	close(r.done)
}

// head is what is known of a stream: the state of its durable events.
type head[S any] struct {
	state    S
	version  eventlog.Version
	position eventlog.Position // of the event at version
	last     eventlog.EventID  // of the event at version
	known    bool
	proved   bool      // false after an append that may have been a repeat: the stream may go on
	readAt   time.Time // when the stream was last seen to end here
}

// cell is one live stream. Its queue is guarded by mu. Everything else belongs
// to the round, of which there is one at a time; it writes head under mu.
type cell[S any, E eventlog.Typed] struct {
	stream eventlog.Stream

	mu      sync.Mutex
	waiting []*request[S, E]
	busy    bool // a round is under way
	stale   bool // the next round begins with forgetting: see [Aggregate.Forget]
	head    head[S]

	draft   S    // head.state plus what is decided and not yet durable
	drafted bool // false: draft must be made from head.state
	heat    int  // above 0: of late, commands came more than one at a time
	half    bool // head is where reading the stream broke off; not known yet
	weight  int
	snapped eventlog.Version // of the last snapshot begun
	unseen  int              // appends in a row that an empty stream refused

	refs int           // guarded by cells.mu
	idle *list.Element // guarded by cells.mu; set while refs is 0
}

// enqueue lets r wait; lead says that the caller has to start a round.
func (c *cell[S, E]) enqueue(r *request[S, E]) (lead bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) >= MaxWaiting {
		return false, domain.Errorf(domain.Exhausted, "%d requests wait for %s already; try again later.", len(c.waiting), c.stream)
	}
	c.waiting = append(c.waiting, r)
	lead, c.busy = !c.busy, true
	return lead, nil
}

// take returns the next group; nil ends the round.
func (c *cell[S, E]) take() []*request[S, E] {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(len(c.waiting), MaxGroup)
	if n == 0 {
		c.busy, c.waiting = false, nil
		return nil
	}
	group := c.waiting[:n:n]
	c.waiting = c.waiting[n:]
	if c.stale {
		c.stale = false
		c.forgetLocked()
	}
	if c.heat = max(c.heat-1, 0); n > 1 {
		c.heat = hotGroups
	}
	return group
}

// putBack lets the rest of a group wait for the next one, first in line.
func (c *cell[S, E]) putBack(rest []*request[S, E]) {
	if len(rest) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = append(rest[:len(rest):len(rest)], c.waiting...)
}

// withdraw takes r out of the queue; false means a round has it.
func (c *cell[S, E]) withdraw(r *request[S, E]) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, w := range c.waiting {
		if w == r {
			c.waiting = append(c.waiting[:i:i], c.waiting[i+1:]...)
			return true
		}
	}
	return false
}

// set changes the head where [Aggregate.peek] may be looking.
func (c *cell[S, E]) set(change func(*head[S])) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.head)
}

// spoil drops the draft: something in it did not become durable.
func (c *cell[S, E]) spoil() {
	var none S
	c.draft, c.drafted = none, false
}

// forget drops everything: the stream must be read from the start.
func (c *cell[S, E]) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgetLocked()
}

func (c *cell[S, E]) forgetLocked() {
	c.spoil()
	c.weight, c.half, c.unseen = 0, false, 0
	c.head = head[S]{}
}

// cells keeps the cells in use and, up to a weight, those used last.
type cells[S any, E eventlog.Typed] struct {
	mu       sync.Mutex
	closed   bool
	byStream map[eventlog.Stream]*cell[S, E]
	unused   *list.List // of *cell, the one used last in front
	weight   int        // of unused
	limit    int
	evicted  int64
	inUse    sync.WaitGroup // counts what is acquired; it grows from 0 only before close
}

func (cs *cells[S, E]) init(limit int) {
	cs.byStream, cs.unused, cs.limit = map[eventlog.Stream]*cell[S, E]{}, list.New(), limit
}

// acquire returns the one cell of a stream, or nil after close; hit says that
// it was there already. The caller releases it.
func (cs *cells[S, E]) acquire(s eventlog.Stream) (c *cell[S, E], hit bool) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.closed {
		return nil, false
	}
	c, hit = cs.byStream[s]
	if !hit {
		c = &cell[S, E]{stream: s}
		cs.byStream[s] = c
	}
	if c.idle != nil {
		cs.unused.Remove(c.idle)
		cs.weight -= cellBytes + c.weight
		c.idle = nil
	}
	c.refs++
	cs.inUse.Add(1)
	return c, hit
}

// retain acquires a cell once more that the caller holds already.
func (cs *cells[S, E]) retain(c *cell[S, E]) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c.refs++
	cs.inUse.Add(1)
}

// release gives a cell back and evicts what was not used for longest. A cell
// that knows nothing is dropped at once.
func (cs *cells[S, E]) release(c *cell[S, E]) {
	defer cs.inUse.Done()
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if c.refs--; c.refs > 0 {
		return
	}
	if !c.head.known && !c.half {
		delete(cs.byStream, c.stream)
		return
	}
	c.idle = cs.unused.PushFront(c)
	cs.weight += cellBytes + c.weight
	for cs.weight > cs.limit && cs.unused.Len() > 1 {
		old := cs.unused.Remove(cs.unused.Back()).(*cell[S, E])
		old.idle = nil
		cs.weight -= cellBytes + old.weight
		delete(cs.byStream, old.stream)
		cs.evicted++
	}
}

// find returns the cell of a stream, if there is one, as used just now.
func (cs *cells[S, E]) find(s eventlog.Stream) *cell[S, E] {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c := cs.byStream[s]
	if c != nil && c.idle != nil {
		cs.unused.MoveToFront(c.idle)
	}
	return c
}

func (cs *cells[S, E]) close() {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.closed = true
}
