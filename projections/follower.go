package projections

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// urgentWait is how long the first event of a batch waits for company while
// somebody waits for the view: long enough that many who wait share a
// transaction, short enough that none of them notices. Under load it is as
// long as the last batch took, so that at most half of the time goes into
// transactions, whose cost is then shared by more.
const urgentWait = 2 * time.Millisecond

// follower keeps one group up to date.
type follower struct {
	group   Group
	log     Log
	views   Views
	now     func() time.Time
	logger  *slog.Logger
	changes *Changes
	mirror  Mirror

	nudge   chan struct{} // somebody waits: do not linger, and look past the events of others
	renewed chan struct{} // a rebuild put new rows in place
	waiting atomic.Int64  // callers of await

	writing sync.Mutex    // held while a batch is applied and while a rebuild switches
	folder  *folder       // guarded by writing; nil until opened
	took    time.Duration // the last batch, to apply; follow's own
	at      atomic.Int64
	opened  atomic.Bool

	mu         sync.Mutex
	state      State
	err        error
	moved      chan struct{} // closed and replaced when position or state changes
	queue      *queue
	pending    time.Time // of the oldest event being applied, or of the one that broke the group
	writtenAt  time.Time
	rebuilding bool
}

func newFollower(c Config, g Group, changes *Changes) *follower {
	return &follower{
		group: g, log: c.Log, views: c.Views, now: c.Now, changes: changes, mirror: c.Mirror,
		logger: c.Logger.With("view", g.Name), state: Stopped,
		nudge: make(chan struct{}, 1), renewed: make(chan struct{}, 1), moved: make(chan struct{}),
	}
}

func (f *follower) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := f.follow(ctx)
		if ctx.Err() != nil {
			break
		}
		var again <-chan time.Time
		if kind := domain.KindOf(err); kind == domain.Internal || kind == domain.Invalid {
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
	f.become(Stopped, nil)
}

// follow applies events until something goes wrong.
func (f *follower) follow(ctx context.Context) error {
	if err := f.open(ctx); err != nil {
		return err
	}
	f.become(Following, nil)
	ctx, cancel := context.WithCancel(ctx)
	q, read := newQueue(MaxBatchEvents), make(chan struct{})
	f.mu.Lock()
	f.queue = q
	f.mu.Unlock()
	go func() {
		defer close(read)
		q.fill(ctx, f.log.Subscribe(ctx, eventlog.Position(f.at.Load()), f.group.Categories...))
	}()
	defer func() { cancel(); <-read }()
	idle := time.NewTicker(IdleAdvanceWait)
	defer idle.Stop()
	for {
		batch, err := q.take(ctx, patience{idle: idle.C, nudge: f.nudge, batch: f.linger})
		if err != nil {
			return err
		}
		begun := time.Now()
		if err := f.apply(ctx, batch); err != nil {
			return err
		}
		f.took = time.Since(begun)
	}
}

func (f *follower) linger() time.Duration {
	if f.waiting.Load() > 0 {
		return min(max(urgentWait, f.took), MaxBatchWait)
	}
	return MaxBatchWait
}

// apply commits one batch and tells the world. An empty batch means that
// nothing came for a while.
func (f *follower) apply(ctx context.Context, batch []event) error {
	f.writing.Lock()
	defer f.writing.Unlock()
	before := f.folder.at
	if len(batch) == 0 {
		if err := f.folder.skip(ctx, f.log); err != nil {
			return err
		}
	} else {
		f.setPending(batch[0].At)
		changed, err := f.folder.apply(ctx, batch)
		if err != nil {
			return err
		}
		f.setPending(time.Time{})
		if f.folder.at > before {
			defer f.changes.Publish(Change{Group: f.group.Name, Position: f.folder.at, Orders: changed})
		}
	}
	if f.folder.at > before {
		f.advanced()
	}
	return nil
}

// open finds the serving store: the one there was may have been replaced by
// another process. One that is ahead of the log followed a log that is no more,
// as after restoring an older backup: it is computed anew.
func (f *follower) open(ctx context.Context) error {
	f.writing.Lock()
	at, err := f.reopen(ctx)
	f.writing.Unlock()
	if err != nil {
		return err
	}
	end, err := f.log.End(ctx) // after the position, which another process may move
	if err != nil || at <= end {
		return err
	}
	f.logger.Warn("the view is ahead of the log and is computed anew", "position", at, "end", end)
	_, err = f.rebuild(ctx, nil)
	return err
}

// reopen begins with the store that serves now. The caller holds writing.
func (f *follower) reopen(ctx context.Context) (eventlog.Position, error) {
	s, err := f.views.Live(ctx, f.group)
	if err != nil {
		return 0, err
	}
	fresh, err := newFolder(ctx, f.group, s)
	if err != nil {
		return 0, err
	}
	fresh.wrote = f.mirrored
	f.folder = fresh
	f.at.Store(int64(fresh.at))
	f.opened.Store(true)
	f.mirror.Reset(f.group.Name, fresh.at) // another process may have put other rows in place
	return fresh.at, nil
}

// position is where the serving rows stand.
func (f *follower) position(ctx context.Context) (eventlog.Position, error) {
	if f.opened.Load() {
		return eventlog.Position(f.at.Load()), nil
	}
	f.writing.Lock()
	defer f.writing.Unlock()
	if f.folder != nil {
		return f.folder.at, nil
	}
	return f.reopen(ctx)
}

// mirrored shows a committed batch to the mirror. The caller holds writing.
func (f *follower) mirrored(b Batch) { f.mirror.Wrote(f.group.Name, b) }

// advanced makes the folder's new position known. The caller holds writing.
func (f *follower) advanced() {
	f.at.Store(int64(f.folder.at))
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writtenAt = f.now()
	close(f.moved)
	f.moved = make(chan struct{})
}

func (f *follower) setPending(t time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending = t
}

func (f *follower) become(s State, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s == Following {
		f.pending = time.Time{}
	}
	f.state, f.err = s, err
	close(f.moved)
	f.moved = make(chan struct{})
}
