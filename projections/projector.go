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

// urgentWait is how long the first event of a batch waits for company while
// somebody waits for the view: long enough that many who wait share a
// transaction, short enough that none of them notices. Under load it is as
// long as the last batch took, so that at most half of the time goes into
// transactions, whose cost is then shared by more.
const urgentWait = 2 * time.Millisecond

// follower keeps one group up to date.
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

	wake    chan struct{} // somebody waits: do not linger, and look past the events of others
	renewed chan struct{} // a rebuild put new rows in place
	waiting atomic.Int64  // callers of await

	writing sync.Mutex    // held while a batch is applied and while a rebuild switches
	applier *applier      // guarded by writing; nil until opened
	took    time.Duration // the last batch, to apply; follow's own
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
	caughtUp   bool      // it has had what was the end of the log when it began
	doubt      error     // why the rows may be those of another log; nil if they are not
	unwell     time.Time // since when it does not get on; zero while it does
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

// run follows until ctx is done. What ends the following is tried again after
// the view's checkpoint was proven again; only what a person has to mend leaves
// the view standing still.
func (f *projector) run(ctx context.Context) {
	f.runs(true)
	defer f.runs(false)
	ctx, stop := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { f.source.Watch(ctx) })
	defer watch.Wait()
	defer stop()
	for ctx.Err() == nil {
		begun := time.Now()
		err := f.follow(ctx)
		if ctx.Err() != nil {
			break
		}
		if domain.KindOf(err) == domain.Conflict && time.Since(begun) > StoreRetryWait {
			f.logger.Info("another process wrote the view or replaced it; it is opened again", "err", err)
			continue
		}
		f.backOff(ctx, err)
	}
	f.become(Stopped, nil)
}

func (f *projector) runs(now bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running = now
}

// rest waits after a failure until following may go on.
func (f *projector) backOff(ctx context.Context, err error) {
	var again <-chan time.Time
	if following.RemedyFor(domain.KindOf(err)) == following.End {
		f.become(Broken, err)
		f.logger.Error("the view stands still until it is rebuilt", "err", err)
	} else {
		f.become(Retrying, err)
		f.logger.Warn("the view is tried again", "err", err, "wait", StoreRetryWait)
		t := time.NewTimer(StoreRetryWait)
		defer t.Stop()
		again = t.C
	}
	select {
	case <-ctx.Done():
	case <-again:
	case <-f.renewed:
	}
}

// follow applies events until something goes wrong.
func (f *projector) follow(ctx context.Context) error {
	from, err := f.open(ctx)
	if err != nil {
		return err
	}
	f.become(Following, nil)
	ctx, cancel := context.WithCancel(ctx)
	q, read := newQueue(MaxBatchEvents), make(chan struct{})
	if _, tells := f.log.(eventlog.Watermarked); !tells {
		q.pass(eventlog.Watermark{CaughtUp: true}) // it is believed
	}
	back := from < f.source.Health().Position
	if back {
		f.source.Begin()
	}
	f.mu.Lock()
	f.queue, f.caughtUp = q, f.caughtUp && !back
	f.mu.Unlock()
	go func() {
		defer close(read)
		q.fill(ctx, f.source.Follow(ctx, from, func(w eventlog.Watermark) { f.noteLogFound(); q.pass(w) }))
	}()
	defer func() { cancel(); <-read }()
	idle := time.NewTicker(IdleAdvanceWait)
	defer idle.Stop()
	for {
		batch, passed, err := q.next(ctx, waitPolicy{idle: idle.C, wake: f.wake, batch: f.linger})
		if err != nil {
			return err
		}
		begun := time.Now()
		if err := f.apply(ctx, batch, passed); err != nil {
			return err
		}
		f.took = time.Since(begun)
	}
}

func (f *projector) linger() time.Duration {
	if f.waiting.Load() > 0 {
		return min(max(urgentWait, f.took), MaxBatchWait)
	}
	return MaxBatchWait
}

// apply commits one batch and tells the world. An empty batch means that
// nothing came for a while; passed is then how far the subscription has looked.
func (f *projector) apply(ctx context.Context, batch []event, passed eventlog.Watermark) error {
	f.writing.Lock()
	defer f.writing.Unlock()
	before := f.applier.at()
	if len(batch) == 0 {
		passed.CaughtUp = f.source.Health().CaughtUp
		if err := f.applier.skip(ctx, f.log, passed); err != nil {
			return err
		}
	} else {
		f.noteLogFound()
		f.setPending(batch[0].At)
		changed, err := f.applier.apply(ctx, batch)
		if err != nil {
			return err
		}
		f.setPending(time.Time{})
		if f.applier.at() > before {
			defer f.changes.Publish(Change{Group: f.group.Name, Position: f.applier.at(), Orders: changed})
		}
	}
	if f.applier.at() > before {
		f.advanced()
	}
	f.noteHealthy()
	return nil
}

// open begins with the serving store and returns where the log is read on. A
// store whose checkpoint is not in the log followed a log that is no more, as
// after restoring an older backup: it is computed anew beside the old rows,
// which serve meanwhile.
func (f *projector) open(ctx context.Context) (from eventlog.Position, err error) {
	doubt, err := f.openProven(ctx)
	if err == nil && doubt != nil {
		err = f.recompute(ctx, doubt)
	}
	if err != nil {
		return 0, err
	}
	f.trust(nil)
	f.writing.Lock()
	defer f.writing.Unlock()
	return f.applier.next, nil
}

// begin opens the store that serves now, which another process may have put in
// place, and proves it.
func (f *projector) openProven(ctx context.Context) (doubt, err error) {
	f.writing.Lock()
	defer f.writing.Unlock()
	if err := f.reopen(ctx); err != nil {
		return nil, err
	}
	if doubt, err = f.applier.prove(ctx, f.log); err != nil {
		return nil, err
	}
	f.applier.wrote, f.applier.found = f.mirrored, f.holes().log
	f.at.Store(int64(f.applier.at()))
	f.mirror.Reset(f.group.Name, f.applier.at()) // other rows may be in place
	return doubt, nil
}

// recompute computes the view anew because of a doubt, which is logged once.
func (f *projector) recompute(ctx context.Context, doubt error) error {
	if f.trust(doubt) {
		f.logger.Warn("the view is computed anew beside its old rows, which serve meanwhile", "err", doubt)
	}
	f.become(Recomputing, doubt)
	_, err := f.rebuild(ctx, nil)
	return err
}

// trust notes why the rows are in doubt, nil if they are not; it says whether
// they were in no doubt before.
func (f *projector) trust(doubt error) (before bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before = f.doubt == nil
	f.doubt = doubt
	return before
}

// reopen takes the store that serves now. The caller holds writing.
func (f *projector) reopen(ctx context.Context) error {
	s, err := f.views.Live(ctx, f.group)
	if err != nil {
		return err
	}
	fresh, err := newApplier(ctx, f.group, s)
	if err != nil {
		return err
	}
	f.applier = fresh
	f.at.Store(int64(fresh.at()))
	f.opened.Store(true)
	return nil
}

// position is where the serving rows stand.
func (f *projector) position(ctx context.Context) (eventlog.Position, error) {
	if f.opened.Load() {
		return eventlog.Position(f.at.Load()), nil
	}
	f.writing.Lock()
	defer f.writing.Unlock()
	if f.applier == nil {
		if err := f.reopen(ctx); err != nil {
			return 0, err
		}
	}
	return f.applier.at(), nil
}

// holes logs what a store that begins to be filled sets aside.
func (f *projector) holes() *holesLogged { return &holesLogged{logger: f.logger} }

// mirrored shows a committed batch to the mirror. The caller holds writing.
func (f *projector) mirrored(b Batch) { f.mirror.Wrote(f.group.Name, b) }

// advanced makes the folder's new position known. The caller holds writing.
func (f *projector) advanced() {
	at := f.applier.at()
	f.at.Store(int64(at))
	f.source.Applied(at)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writtenAt = f.now()
	close(f.moved)
	f.moved = make(chan struct{})
}

func (f *projector) setPending(t time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending = t
}

func (f *projector) become(s State, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s == Following {
		f.pending = time.Time{}
	}
	if s == Retrying && f.unwell.IsZero() {
		f.unwell = f.now()
	}
	f.state, f.err = s, err
	close(f.moved)
	f.moved = make(chan struct{})
}

// well notes that the view gets on. The caller holds writing.
func (f *projector) noteHealthy() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unwell = time.Time{}
	f.caughtUp = f.caughtUp || f.queue.caughtUp(f.applier.at())
}

// lose notes that the log cannot be followed, found that it can.
func (f *projector) noteLogLost() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lost.IsZero() {
		f.lost = f.now()
	}
}

func (f *projector) noteLogFound() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lost = time.Time{}
}
