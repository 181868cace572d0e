package aggregate

import (
	"container/list"
	"context"
	"sync"
	"time"

	"orderflow/domain"
	"orderflow/domain/decider"
	"orderflow/domain/eventlog"
)

// contendedBatches is how many batches a stream counts as contended after a batch
// of more than one command.
const contendedBatches = 16

// entryBytes is the weight in bytes of a cache entry without the events of its stream.
const entryBytes = 1_024

// request is one command, or one load of the state, in the queue of a stream.
type request[S any, E eventlog.Typed] struct {
	ctx    context.Context //nolint:containedctx // a batch runs with the values of its first request
	cause  Cause
	decide decider.Decision[S, E] // nil for a load
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

// committedState is the state of a stream as its durable events give it.
type committedState[S any] struct {
	state    S
	version  eventlog.Version
	position eventlog.Position // of the event at version
	last     eventlog.EventID  // of the event at version
	known    bool
	verified bool      // the stream is known to end at version; false after an append that may have been a repeat
	readAt   time.Time // when the stream was last seen to end at version
}

// cacheEntry is one live stream. mu guards its queue. One worker at a time
// processes the queue; everything else belongs to it. It changes committed with mu held,
// see updateCommitted.
type cacheEntry[S any, E eventlog.Typed] struct {
	stream eventlog.Stream

	mu        sync.Mutex
	waiting   []*request[S, E]
	busy      bool // a worker processes the queue
	stale     bool // [Aggregate.Forget] was called: the next batch begins with invalidate
	committed committedState[S]

	uncommitted    S    // committed.state plus what is decided and not yet durable
	hasUncommitted bool // false: uncommitted must be copied from committed.state
	contention     int  // contended batches to come; above 0, recent batches had more than one command
	partial        bool // a read timed out: the state is incomplete, and reading resumes from committed.version
	weight         int
	snapshotAt     eventlog.Version // version of the last snapshot that was begun
	unseen         int              // appends in a row that were refused although the stream shows no events

	refs int           // guarded by stateCache.mu
	idle *list.Element // guarded by stateCache.mu; set while refs is 0
}

// enqueue adds r to the queue. lead reports that no worker processes the queue, so
// the caller has to start one. A full queue is Exhausted.
func (c *cacheEntry[S, E]) enqueue(r *request[S, E]) (lead bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) >= MaxWaiting {
		return false, domain.Errorf(domain.Exhausted, "%d requests already wait for %s; try again later.", len(c.waiting), c.stream)
	}
	c.waiting = append(c.waiting, r)
	lead, c.busy = !c.busy, true
	return lead, nil
}

// nextBatch takes the next batch from the queue, or returns nil if it is empty; the
// worker then stops.
func (c *cacheEntry[S, E]) nextBatch() []*request[S, E] {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(len(c.waiting), MaxBatchCommands)
	if n == 0 {
		c.busy, c.waiting = false, nil
		return nil
	}
	batch := c.waiting[:n:n]
	c.waiting = c.waiting[n:]
	if c.stale {
		c.stale = false
		c.invalidateLocked()
	}
	if c.contention = max(c.contention-1, 0); n > 1 {
		c.contention = contendedBatches
	}
	return batch
}

// putBack returns the rest of a batch to the front of the queue.
func (c *cacheEntry[S, E]) putBack(rest []*request[S, E]) {
	if len(rest) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = append(rest[:len(rest):len(rest)], c.waiting...)
}

// withdraw removes r from the queue. It returns false if a worker has r already.
func (c *cacheEntry[S, E]) withdraw(r *request[S, E]) bool {
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

// updateCommitted changes the committed state with mu held, because
// [Aggregate.Peek] reads it from other goroutines.
func (c *cacheEntry[S, E]) updateCommitted(change func(*committedState[S])) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.committed)
}

// discardUncommitted drops the uncommitted state: a part of it did not become durable.
func (c *cacheEntry[S, E]) discardUncommitted() {
	var none S
	c.uncommitted, c.hasUncommitted = none, false
}

// invalidate drops everything that is known: the stream must be read from its start.
func (c *cacheEntry[S, E]) invalidate() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.invalidateLocked()
}

func (c *cacheEntry[S, E]) invalidateLocked() {
	c.discardUncommitted()
	c.weight, c.partial, c.unseen = 0, false, 0
	c.committed = committedState[S]{}
}

// stateCache holds the entries in use, and the least recently used others up to a
// limit of weight. It is no library's cache, because those evict entries in use.
type stateCache[S any, E eventlog.Typed] struct {
	mu       sync.Mutex
	closed   bool
	byStream map[eventlog.Stream]*cacheEntry[S, E]
	unused   *list.List // of *cacheEntry, most recently used first
	weight   int        // of unused, in bytes
	limit    int        // of weight
	evicted  int64
	inUse    sync.WaitGroup // counts acquired entries; it grows from 0 only before close
}

func (cs *stateCache[S, E]) init(limit int) {
	cs.byStream, cs.unused, cs.limit = map[eventlog.Stream]*cacheEntry[S, E]{}, list.New(), limit
}

// acquire returns the entry of a stream, or nil after close. hit reports that the
// entry existed. The caller releases it.
func (cs *stateCache[S, E]) acquire(s eventlog.Stream) (c *cacheEntry[S, E], hit bool) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.closed {
		return nil, false
	}
	c, hit = cs.byStream[s]
	if !hit {
		c = &cacheEntry[S, E]{stream: s}
		cs.byStream[s] = c
	}
	if c.idle != nil {
		cs.unused.Remove(c.idle)
		cs.weight -= entryBytes + c.weight
		c.idle = nil
	}
	c.refs++
	cs.inUse.Add(1)
	return c, hit
}

// retain adds a reference to an entry that the caller has acquired.
func (cs *stateCache[S, E]) retain(c *cacheEntry[S, E]) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c.refs++
	cs.inUse.Add(1)
}

// release drops a reference and evicts the least recently used entries above the
// limit. An unreferenced entry without a state is removed at once.
func (cs *stateCache[S, E]) release(c *cacheEntry[S, E]) {
	defer cs.inUse.Done()
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if c.refs--; c.refs > 0 {
		return
	}
	if !c.committed.known && !c.partial {
		delete(cs.byStream, c.stream)
		return
	}
	c.idle = cs.unused.PushFront(c)
	cs.weight += entryBytes + c.weight
	for cs.weight > cs.limit && cs.unused.Len() > 1 {
		old := cs.unused.Remove(cs.unused.Back()).(*cacheEntry[S, E])
		old.idle = nil
		cs.weight -= entryBytes + old.weight
		delete(cs.byStream, old.stream)
		cs.evicted++
	}
}

// find returns the entry of a stream, or nil, and marks it as used.
func (cs *stateCache[S, E]) find(s eventlog.Stream) *cacheEntry[S, E] {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c := cs.byStream[s]
	if c != nil && c.idle != nil {
		cs.unused.MoveToFront(c.idle)
	}
	return c
}

func (cs *stateCache[S, E]) close() {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.closed = true
}
