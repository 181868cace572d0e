package projections

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/following"
)

// urgentWait is how long the first event of a batch waits for further events while
// readers wait for the view: long enough that many readers share a transaction, short
// enough to go unnoticed. Under load it is as long as the last batch took, so that at
// most half of the time is spent in transactions, and each carries more events.
const urgentWait = 2 * time.Millisecond

// projector keeps one group of views up to date, rebuilds and verifies it.
type projector struct {
	group   Group
	log     Log
	views   Views
	now     func() time.Time
	logger  *slog.Logger
	changes *Changes
	mirror  Mirror

	source  *following.Follower
	backlog *backlog

	wake    chan struct{} // a reader waits: do not linger, and skip events of other groups
	renewed chan struct{} // a rebuild put new rows in place
	waiting atomic.Int64  // callers of await

	writing sync.Mutex    // held while a batch is applied and while a rebuild switches
	applier *applier      // guarded by writing; nil until opened
	took    time.Duration // duration of the last batch; used by follow only
	at      atomic.Int64
	opened  atomic.Bool

	mu         sync.Mutex
	running    bool // run was called and has not returned
	state      State
	err        error
	moved      chan struct{} // closed and replaced when position or state changes
	queue      *queue
	pending    time.Time // of the oldest event being applied, or of the one that broke the group
	writtenAt  time.Time
	rebuilding bool
	caughtUp   bool      // the view contains what was the end of the log at the start
	doubt      error     // why the rows may be of another log; nil if they are not
	unwell     time.Time // since when it fails; zero while it makes progress
	lost       time.Time // since when the log cannot be followed; zero while it can
}

func newProjector(c Config, g Group, changes *Changes) *projector {
	f := &projector{
		group: g, log: c.Log, views: c.Views, now: c.Now, changes: changes, mirror: c.Mirror,
		logger: c.Logger.With("view", g.Name), state: Stopped, backlog: newBacklog(c.Log, g),
		wake: make(chan struct{}, 1), renewed: make(chan struct{}, 1), moved: make(chan struct{}),
	}
	f.source = following.New(following.Config{
		Name: "view " + g.Name, Log: c.Log, Categories: g.Categories, Logger: c.Logger, Now: c.Now,
		Failed: func(domain.Kind, following.Remedy) { f.noteLogLost() },
	})
	return f
}

// run follows the log until ctx is done. After a failure it verifies the checkpoint
// and follows again. Failures that only a person can fix stop the view until it is
// rebuilt.
func (p *projector) run(ctx context.Context) {
	p.runs(true)
	defer p.runs(false)
	ctx, stop := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { p.source.Watch(ctx) })
	defer watch.Wait()
	defer stop()
	for ctx.Err() == nil {
		begun := time.Now()
		err := p.follow(ctx)
		if ctx.Err() != nil {
			break
		}
		if domain.KindOf(err) == domain.Conflict && time.Since(begun) > StoreRetryWait {
			p.logger.Info("another process wrote or replaced the view; it is opened again", "error", err)
			continue
		}
		p.backOff(ctx, err)
	}
	p.become(Stopped, nil)
}

func (p *projector) runs(now bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = now
}

// backOff waits after a failure until following may go on.
func (p *projector) backOff(ctx context.Context, err error) {
	var again <-chan time.Time
	if following.RemedyFor(domain.KindOf(err)) == following.End {
		p.become(Broken, err)
		p.logger.Error("the view is stopped until it is rebuilt", "error", err)
	} else {
		p.become(Retrying, err)
		p.logger.Warn("the view failed and is retried", "error", err, "wait", StoreRetryWait)
		t := time.NewTimer(StoreRetryWait)
		defer t.Stop()
		again = t.C
	}
	select {
	case <-ctx.Done():
	case <-again:
	case <-p.renewed:
	}
}

// follow applies events until an error.
func (p *projector) follow(ctx context.Context) error {
	from, err := p.open(ctx)
	if err != nil {
		return err
	}
	p.become(Following, nil)
	ctx, cancel := context.WithCancel(ctx)
	q, read := newQueue(MaxBatchEvents), make(chan struct{})
	if _, tells := p.log.(eventlog.Watermarked); !tells {
		q.pass(eventlog.Watermark{CaughtUp: true}) // a log without watermarks counts as caught up
	}
	back := from < p.source.Health().Position
	if back {
		p.source.Begin()
	}
	p.mu.Lock()
	p.queue, p.caughtUp = q, p.caughtUp && !back
	p.mu.Unlock()
	go func() {
		defer close(read)
		q.fill(ctx, p.source.Follow(ctx, from, func(w eventlog.Watermark) { p.noteLogFound(); q.pass(w) }))
	}()
	defer func() { cancel(); <-read }()
	idle := time.NewTicker(IdleAdvanceWait)
	defer idle.Stop()
	for {
		batch, passed, err := q.next(ctx, waitPolicy{idle: idle.C, wake: p.wake, batch: p.linger})
		if err != nil {
			return err
		}
		begun := time.Now()
		if err := p.apply(ctx, batch, passed); err != nil {
			return err
		}
		p.took = time.Since(begun)
	}
}

func (p *projector) linger() time.Duration {
	if p.waiting.Load() > 0 {
		return min(max(urgentWait, p.took), MaxBatchWait)
	}
	return MaxBatchWait
}

// apply commits one batch and publishes the change. An empty batch means that no
// event came for a while; passed is then the watermark of the subscription.
func (p *projector) apply(ctx context.Context, batch []event, passed eventlog.Watermark) error {
	p.writing.Lock()
	defer p.writing.Unlock()
	before := p.applier.at()
	if len(batch) == 0 {
		passed.CaughtUp = p.source.Health().CaughtUp
		if err := p.applier.skip(ctx, p.log, passed); err != nil {
			return err
		}
	} else {
		p.noteLogFound()
		p.setPending(batch[0].At)
		changed, err := p.applier.apply(ctx, batch)
		if err != nil {
			return err
		}
		p.setPending(time.Time{})
		if p.applier.at() > before {
			defer p.changes.Publish(Change{Group: p.group.Name, Position: p.applier.at(), Orders: changed})
		}
	}
	if p.applier.at() > before {
		p.advanced()
	}
	p.noteHealthy()
	return nil
}

// open opens the serving store and returns the position to read on from. If the log
// does not have the store's checkpoint, as after restoring an older backup, open
// rebuilds the view beside the old rows, which serve meanwhile.
func (p *projector) open(ctx context.Context) (from eventlog.Position, err error) {
	doubt, err := p.openProven(ctx)
	if err == nil && doubt != nil {
		err = p.recompute(ctx, doubt)
	}
	if err != nil {
		return 0, err
	}
	p.trust(nil)
	p.writing.Lock()
	defer p.writing.Unlock()
	return p.applier.next, nil
}

// openProven opens the serving store, which another process may have promoted, and
// verifies it against the log.
func (p *projector) openProven(ctx context.Context) (doubt, err error) {
	p.writing.Lock()
	defer p.writing.Unlock()
	if err := p.reopen(ctx); err != nil {
		return nil, err
	}
	if doubt, err = p.applier.prove(ctx, p.log); err != nil {
		return nil, err
	}
	p.applier.wrote, p.applier.found = p.mirrored, p.holes().log
	p.at.Store(int64(p.applier.at()))
	p.mirror.Reset(p.group.Name, p.applier.at()) // other rows may be in place
	return doubt, nil
}

// recompute rebuilds the view because of a doubt, which is logged once.
func (p *projector) recompute(ctx context.Context, doubt error) error {
	if p.trust(doubt) {
		p.logger.Warn("the view is rebuilt beside its old rows, which serve meanwhile", "error", doubt)
	}
	p.become(Recomputing, doubt)
	_, err := p.rebuild(ctx, nil)
	return err
}

// trust records why the rows are in doubt, or nil if they are not. It reports whether
// there was no doubt before.
func (p *projector) trust(doubt error) (before bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before = p.doubt == nil
	p.doubt = doubt
	return before
}

// reopen opens the serving store. The caller holds writing.
func (p *projector) reopen(ctx context.Context) error {
	s, err := p.views.Live(ctx, p.group)
	if err != nil {
		return err
	}
	fresh, err := newApplier(ctx, p.group, s)
	if err != nil {
		return err
	}
	p.applier = fresh
	p.at.Store(int64(fresh.at()))
	p.opened.Store(true)
	return nil
}

// position returns the position of the serving rows.
func (p *projector) position(ctx context.Context) (eventlog.Position, error) {
	if p.opened.Load() {
		return eventlog.Position(p.at.Load()), nil
	}
	p.writing.Lock()
	defer p.writing.Unlock()
	if p.applier == nil {
		if err := p.reopen(ctx); err != nil {
			return 0, err
		}
	}
	return p.applier.at(), nil
}

// holes returns a log for the holes of a store that is being filled.
func (p *projector) holes() *holesLogged { return &holesLogged{logger: p.logger} }

// mirrored sends a committed batch to the mirror. The caller holds writing.
func (p *projector) mirrored(b Batch) { p.mirror.Wrote(p.group.Name, b) }

// advanced publishes the applier's new position. The caller holds writing.
func (p *projector) advanced() {
	at := p.applier.at()
	p.at.Store(int64(at))
	p.source.Applied(at)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writtenAt = p.now()
	close(p.moved)
	p.moved = make(chan struct{})
}

func (p *projector) setPending(t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pending = t
}

func (p *projector) become(s State, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s == Following {
		p.pending = time.Time{}
	}
	if s == Retrying && p.unwell.IsZero() {
		p.unwell = p.now()
	}
	p.state, p.err = s, err
	close(p.moved)
	p.moved = make(chan struct{})
}

// noteHealthy records that the view makes progress. The caller holds writing.
func (p *projector) noteHealthy() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unwell = time.Time{}
	p.caughtUp = p.caughtUp || p.queue.caughtUp(p.applier.at())
}

// noteLogLost records that the log cannot be followed, noteLogFound that it can.
func (p *projector) noteLogLost() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lost.IsZero() {
		p.lost = p.now()
	}
}

func (p *projector) noteLogFound() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost = time.Time{}
}
