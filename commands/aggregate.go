package commands

import (
	"cmp"
	"context"
	"time"

	"orderflow/domain"
	"orderflow/domain/decider"
	"orderflow/domain/eventlog"
)

// Limits of deciding.
const (
	// MaxAttempts bounds how often a group is decided anew because another
	// process was first; every time somebody made progress.
	MaxAttempts = 32
	// MaxUnseen is how often in a row a stream without events may refuse to be
	// begun before it counts as one whose events are hidden; a node that is
	// behind shows them at the next look.
	MaxUnseen = 4
	// MaxGroup bounds the commands that share one append.
	MaxGroup = 1_024
	// MaxAppendEvents bounds the events of one append.
	MaxAppendEvents = 4_096
	// MaxAppendBytes bounds the data of one append, below what EventStoreDB
	// takes; a single command may pass it.
	MaxAppendBytes = 1 << 19
	// MaxWaiting bounds the commands that queue for one stream.
	MaxWaiting = 16_384
	// CommandTimeout bounds a command from its arrival to its answer, the looks at
	// other streams and the wait behind others included: who waits for longer
	// than that has a load balancer or a person who has given up.
	CommandTimeout = 15 * time.Second
	// RoundTimeout bounds reading and appending for one group. It is below
	// CommandTimeout, so that the first in a group is told by the log what is the
	// matter, and not only that it took too long.
	RoundTimeout = 14 * time.Second
	// DefaultCacheBytes bounds the states an Aggregate keeps, as estimated
	// from the bytes of their events.
	DefaultCacheBytes = 32 << 20
	// RecentFor is how old a state may be that [Aggregate.Recent] returns.
	RecentFor = time.Second
)

// Options tune an Aggregate; the zero value is right for a fleet.
type Options[S any] struct {
	// Alone promises that no other process appends to these streams, as on an
	// embedded log: then what is in memory need not be proved by reading. Two
	// processes that both claim it still never overwrite each other; they may
	// refuse or repeat on a state that is behind.
	Alone bool
	// CacheBytes bounds the states kept; 0 means DefaultCacheBytes. The state
	// used last is always kept, so one that is larger does no harm.
	CacheBytes int
	// Snapshots shorten the reading of long streams; nil does without.
	Snapshots *Snapshotting[S]
}

// Aggregate decides about all streams of one kind. It is safe for concurrent use.
type Aggregate[S any, E eventlog.Typed] struct {
	store   eventlog.Store
	decider decider.Decider[S, E]
	codec   eventlog.Codec[E]
	opts    Options[S]
	stats   counters
	cells   cells[S, E]
	crew    *crew[*cell[S, E]]
}

// NewAggregate returns an Aggregate whose events are kept in store.
func NewAggregate[S any, E eventlog.Typed](
	store eventlog.Store, d decider.Decider[S, E], codec eventlog.Codec[E], opts Options[S],
) *Aggregate[S, E] {
	a := &Aggregate[S, E]{store: store, decider: d, codec: codec, opts: opts, crew: newCrew[*cell[S, E]]()}
	a.cells.init(cmp.Or(opts.CacheBytes, DefaultCacheBytes))
	return a
}

// Result says where a stream is after a request, and what that added to it.
type Result struct {
	Version  eventlog.Version  // of the stream after the request
	Position eventlog.Position // a reader that has passed it has seen what the request saw and did
	Events   int               // appended; 0 if the decision saw that it was made before
}

// Do decides on the state of stream and appends what follows. If view is not
// nil it sees the state after the decision; it must not keep anything that
// Evolve changes in place. A nil decision only looks.
//
// The decision and the view may run several times, in another goroutine, and
// even after Do returned because ctx was done: the decision must be pure, and
// what the view wrote may be read only if err is nil.
//
// It returns within [CommandTimeout], whatever the log does.
//
// The decision's own error comes back as it is. Other kinds: Conflict (others
// were first MaxAttempts times), Exhausted (too many wait for this stream),
// Unavailable and ReadOnly (nothing happened), Unknown (it may have happened:
// send the command again, it happens once), Internal (the decision panicked;
// nothing happened), Incomplete (the stream lacks events: it was truncated or
// deleted; nothing is decided and nothing is kept in memory until it is whole.
// What was to begin a deleted stream may stand in the log behind the hole).
func (a *Aggregate[S, E]) Do(ctx context.Context, stream eventlog.Stream, cause Cause, decide decider.Decision[S, E], view func(S)) (Result, error) {
	if cause.Command == "" {
		cause.Command = randomID()
	}
	if err := cause.check(); err != nil {
		return Result{}, err
	}
	if view == nil {
		view = func(S) {}
	}
	return a.ask(ctx, stream, &request[S, E]{cause: cause, decide: decide, view: view})
}

// Transact is [Aggregate.Do] that returns the state after the decision. A
// state that changes in place is copied for the caller: where it is large use Do.
func (a *Aggregate[S, E]) Transact(ctx context.Context, stream eventlog.Stream, cause Cause, decide decider.Decision[S, E]) (S, Result, error) {
	seen := new(S)
	r, err := a.Do(ctx, stream, cause, decide, func(s S) { *seen = a.decider.Copy(s) })
	if err != nil {
		var none S
		return none, Result{}, err
	}
	return *seen, r, nil
}

// Load returns the state of a stream as it is now, and its version; a stream
// without events has the initial state and version 0. Under Alone it comes
// from memory if it is there; otherwise at least the tail is read. A stream
// that lacks events is Incomplete, unless a state that was folded while it was
// whole is there and only the tail had to be read.
func (a *Aggregate[S, E]) Load(ctx context.Context, stream eventlog.Stream) (S, eventlog.Version, error) {
	return a.load(ctx, stream, 0)
}

// Recent is Load that may be up to [RecentFor] behind other processes, and so
// seldom reads what is used often.
func (a *Aggregate[S, E]) Recent(ctx context.Context, stream eventlog.Stream) (S, eventlog.Version, error) {
	return a.load(ctx, stream, RecentFor)
}

func (a *Aggregate[S, E]) load(ctx context.Context, stream eventlog.Stream, behind time.Duration) (S, eventlog.Version, error) {
	if s, version, ok := a.peek(stream, behind); ok {
		return s, version, nil
	}
	seen := new(S)
	r, err := a.ask(ctx, stream, &request[S, E]{view: func(s S) { *seen = a.decider.Copy(s) }})
	if err != nil {
		var none S
		return none, 0, err
	}
	return *seen, r.Version, nil
}

// peek returns the state in memory, if that is good enough; a state that
// changes in place cannot be looked at from here, and while a round is under
// way the log may have more than the head: a reader of the log that was woken by
// an append must find it here.
func (a *Aggregate[S, E]) peek(stream eventlog.Stream, behind time.Duration) (s S, version eventlog.Version, ok bool) {
	if a.decider.Clone != nil {
		return s, 0, false
	}
	c := a.cells.find(stream)
	if c == nil {
		return s, 0, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if h := &c.head; h.known && !c.stale && (a.opts.Alone && h.proved && !c.busy || behind > 0 && time.Since(h.readAt) <= behind) {
		a.stats.hits.Add(1)
		return h.state, h.version, true
	}
	return s, 0, false
}

// Forget drops what is in memory of a stream, because it changed in another way
// than by an append: it was truncated or deleted. Commands that are decided at
// this moment end on the old state; the next one reads the stream.
func (a *Aggregate[S, E]) Forget(stream eventlog.Stream) {
	if c := a.cells.find(stream); c != nil {
		c.mu.Lock()
		c.stale = true
		c.mu.Unlock()
	}
}

// Close refuses what comes from now on as Unavailable and returns when
// everything begun has ended.
func (a *Aggregate[S, E]) Close() {
	a.cells.close()
	a.cells.inUse.Wait()
}

// ask queues r for its stream and waits for the answer or for ctx.
func (a *Aggregate[S, E]) ask(ctx context.Context, stream eventlog.Stream, r *request[S, E]) (Result, error) {
	ctx, cancel := Bounded(ctx)
	defer cancel()
	if ctx.Err() != nil {
		return Result{}, errGivenUp(ctx)
	}
	if len(stream) > eventlog.MaxStreamBytes || stream.ID() == "" {
		return Result{}, domain.Errorf(domain.Invalid, "%.40q is not a name.", stream.ID())
	}
	c, hit := a.cells.acquire(stream)
	if c == nil {
		return Result{}, domain.Errorf(domain.Unavailable, "This node is shutting down.")
	}
	defer a.cells.release(c)
	a.stats.count(r.decide != nil, hit)
	r.ctx, r.done = ctx, make(chan struct{})
	lead, err := c.enqueue(r)
	if err != nil {
		return Result{}, err
	}
	if lead {
		a.cells.retain(c)
		a.crew.take(c, a.run)
	}
	select {
	case <-r.done:
		return r.out, r.err
	case <-ctx.Done():
	}
	if c.withdraw(r) || r.decide == nil {
		return Result{}, errGivenUp(ctx)
	}
	return Result{}, domain.Wrap(domain.Unknown, context.Cause(ctx), "The request was given up while it was carried out; send it again to find out.")
}
