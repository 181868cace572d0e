package aggregate

import (
	"cmp"
	"context"
	"time"

	"orderflow/domain"
	"orderflow/domain/decider"
	"orderflow/domain/eventlog"
	"orderflow/internal/pool"
)

// Limits of deciding.
const (
	// MaxAttempts bounds how often a batch is decided because another process
	// appended first; each time the other process made progress.
	MaxAttempts = 32
	// MaxUnseen is how many times in a row a stream that shows no events may refuse
	// its first append before its events count as hidden. A node that lags shows
	// them at the next read.
	MaxUnseen = 4
	// MaxBatchCommands bounds the commands that share one append.
	MaxBatchCommands = 1_024
	// MaxAppendEvents bounds the events of one append.
	MaxAppendEvents = 4_096
	// MaxAppendBytes bounds the data of one append, below what EventStoreDB
	// takes; a single command may pass it.
	MaxAppendBytes = 1 << 19
	// MaxWaiting bounds the commands that queue for one stream.
	MaxWaiting = 16_384
	// CommandTimeout bounds a command from its arrival to its answer, including
	// reads of other streams and the wait in the queue. Load balancers and people
	// give up after about this time.
	CommandTimeout = 15 * time.Second
	// BatchTimeout bounds reading and appending for one batch. It is below
	// CommandTimeout, so that the first request of a batch gets the error of the
	// log and not only a timeout.
	BatchTimeout = 14 * time.Second
	// DefaultCacheBytes bounds the states that an Aggregate caches, in bytes, as
	// estimated from the sizes of their events.
	DefaultCacheBytes = 32 << 20
	// RecentFor is how old a state may be that [Aggregate.Recent] returns.
	RecentFor = time.Second
)

// Options configure an Aggregate; the zero value is right for a fleet.
type Options[S any] struct {
	// SingleWriter promises that no other process appends to these streams, as on an
	// embedded log: cached states then need not be verified by reading. If two
	// processes both set it, they still never overwrite each other, but may refuse
	// or repeat commands because of an old state.
	SingleWriter bool
	// CacheBytes bounds the cached states, in bytes; 0 means DefaultCacheBytes. The
	// state used last is always kept, even if it is larger.
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
	cache   stateCache[S, E]
	workers *pool.Pool[*cacheEntry[S, E]]
}

// New returns an Aggregate whose events are kept in store.
func New[S any, E eventlog.Typed](
	store eventlog.Store, d decider.Decider[S, E], codec eventlog.Codec[E], opts Options[S],
) *Aggregate[S, E] {
	a := &Aggregate[S, E]{store: store, decider: d, codec: codec, opts: opts}
	a.workers = pool.New(a.processQueue)
	a.cache.init(cmp.Or(opts.CacheBytes, DefaultCacheBytes))
	return a
}

// Result is the end of a stream after a request, and the number of events that the request added.
type Result struct {
	Version  eventlog.Version  // of the stream after the request
	Position eventlog.Position // a reader that has passed it has read everything that the request read and appended
	Events   int               // appended; 0 if the decision had been made before
}

// Do decides on the state of stream and appends what follows. If view is not
// nil it sees the state after the decision; it must not keep anything that
// Evolve changes in place. A nil decision only reads.
//
// The decision and the view may run several times, in another goroutine, and
// even after Do returned because ctx was done: the decision must be pure, and
// what the view wrote may be read only if err is nil.
//
// It returns within [CommandTimeout], whatever the log does.
//
// The decision's own error comes back as it is. Other kinds: Conflict (others
// were first MaxAttempts times), Exhausted (too many wait for this stream),
// Unavailable and ReadOnly (nothing was stored), Unknown (it may have been stored:
// send the command again, it is stored once), Internal (the decision panicked;
// nothing was stored), Incomplete (the stream lacks events, because it was truncated
// or deleted: nothing is decided or cached until it is whole; the first append to a
// deleted stream may have been stored above the hole).
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
	return a.submit(ctx, stream, &request[S, E]{cause: cause, decide: decide, view: view})
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

// Load returns the current state of a stream and its version. A stream without
// events has the initial state and version 0. With [Options.SingleWriter] a cached
// state is returned as it is; otherwise at least the tail is read. A stream that
// lacks events is Incomplete, unless its state was cached while it was whole and
// only the tail had to be read.
func (a *Aggregate[S, E]) Load(ctx context.Context, stream eventlog.Stream) (S, eventlog.Version, error) {
	return a.load(ctx, stream, 0)
}

// Recent is Load with a state up to [RecentFor] old, so that streams in frequent use
// are seldom read.
func (a *Aggregate[S, E]) Recent(ctx context.Context, stream eventlog.Stream) (S, eventlog.Version, error) {
	return a.load(ctx, stream, RecentFor)
}

func (a *Aggregate[S, E]) load(ctx context.Context, stream eventlog.Stream, maxAge time.Duration) (S, eventlog.Version, error) {
	if s, version, ok := a.Peek(stream, maxAge); ok {
		return s, version, nil
	}
	seen := new(S)
	r, err := a.submit(ctx, stream, &request[S, E]{view: func(s S) { *seen = a.decider.Copy(s) }})
	if err != nil {
		var none S
		return none, 0, err
	}
	return *seen, r.Version, nil
}

// Peek returns the cached state of a stream if it is current enough, without a
// read: with [Options.SingleWriter] if it is verified and its queue is idle, or if
// it is at most maxAge old. While a batch is under way the log may be ahead of the
// committed state, and a reader that an append has woken must not get the older
// one. States that change in place (decider.Clone is set) are never returned.
func (a *Aggregate[S, E]) Peek(stream eventlog.Stream, maxAge time.Duration) (s S, version eventlog.Version, ok bool) {
	if a.decider.Clone != nil {
		return s, 0, false
	}
	c := a.cache.find(stream)
	if c == nil {
		return s, 0, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if h := &c.committed; h.known && !c.stale && (a.opts.SingleWriter && h.verified && !c.busy || maxAge > 0 && time.Since(h.readAt) <= maxAge) {
		a.stats.hits.Add(1)
		return h.state, h.version, true
	}
	return s, 0, false
}

// Forget drops what is in memory of a stream, because it changed in another way
// than by an append: it was truncated or deleted. Commands that are decided at
// this moment end on the old state; the next one reads the stream.
func (a *Aggregate[S, E]) Forget(stream eventlog.Stream) {
	if c := a.cache.find(stream); c != nil {
		c.mu.Lock()
		c.stale = true
		c.mu.Unlock()
	}
}

// Close refuses new requests as Unavailable and returns when those under way have
// ended.
func (a *Aggregate[S, E]) Close() {
	a.cache.close()
	a.cache.inUse.Wait()
}

// submit queues r for its stream and waits for the answer or for ctx.
func (a *Aggregate[S, E]) submit(ctx context.Context, stream eventlog.Stream, r *request[S, E]) (Result, error) {
	ctx, cancel := Bounded(ctx)
	defer cancel()
	if ctx.Err() != nil {
		return Result{}, errGivenUp(ctx)
	}
	if len(stream) > eventlog.MaxStreamBytes || stream.ID() == "" {
		return Result{}, domain.Errorf(domain.Invalid, "%.40q is not a name.", stream.ID())
	}
	c, hit := a.cache.acquire(stream)
	if c == nil {
		return Result{}, domain.Errorf(domain.Unavailable, "This node is shutting down; send the request to another one, or again later.")
	}
	defer a.cache.release(c)
	a.stats.count(r.decide != nil, hit)
	r.ctx, r.done = ctx, make(chan struct{})
	lead, err := c.enqueue(r)
	if err != nil {
		return Result{}, err
	}
	if lead {
		a.cache.retain(c)
		a.workers.Run(c)
	}
	select {
	case <-r.done:
		return r.out, r.err
	case <-ctx.Done():
	}
	if c.withdraw(r) || r.decide == nil {
		return Result{}, errGivenUp(ctx)
	}
	return Result{}, domain.Wrap(domain.Unknown, context.Cause(ctx), "The request was given up while it was carried out; send it again to find out")
}
