// Package sagas drives work that spans aggregates. A [Saga] looks at one
// order's state, does the next thing, records it, and looks again; this
// package decides when it looks.
//
//	feed (events, in order per order, at least once) ─▶ lane of the order ─▶ Saga.React ─▶ later? ─▶ timer ─┐
//	watchdog (orders that stand still) ──────────────▶        ▲                                             │
//	                                                          └─────────────────────────────────────────────┘
//
// An event is only a reason to look: React reads the truth from the log, so a
// wake-up that is lost, late or repeated does no harm. One order is looked at
// by one goroutine at a time; different orders go side by side.
package sagas

import (
	"context"
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/following"
)

// Limits of a driver; each may be set lower in [Driver].
const (
	// MaxLanes bounds the orders looked at at once; more wait in the feed.
	MaxLanes = 512
	// MaxTimers bounds the orders that wait for a moment; the watchdog finds the others.
	MaxTimers = 200_000
	// MaxHeld bounds the events of one order that came during one look and are
	// told to a [Acker]; an order seldom has a dozen.
	MaxHeld = 64
	// CheckpointEvery is how often the feed's place is saved; what lies between is looked at twice after a crash.
	CheckpointEvery = time.Second
	// WatchEvery is how often the watchdog looks for orders that stand still.
	WatchEvery = 30 * time.Second
	// StillAfter is how long an order may be without an event before the watchdog looks at it.
	StillAfter = time.Minute
	// FirstRetry is the pause after a failed look; it doubles up to LastRetry.
	FirstRetry = 100 * time.Millisecond
	// LastRetry is the longest pause after a failed look.
	LastRetry = time.Minute
	// LastSave bounds the last checkpoint of a driver that ends, in a time in
	// which the log may not answer.
	LastSave = 5 * time.Second
	// MaxTruncated bounds the orders that are known to lack events; beyond it
	// one is reported more than once.
	MaxTruncated = 10_000
)

// Saga is one kind of work.
type Saga struct {
	Name       string
	Categories []string                    // of the streams whose events wake it; a stream's id is the order's
	Wakes      func(eventType string) bool // which of their events do
	// React does what is to be done for an order now. It may be repeated at
	// any time. A moment it returns is when to look again; zero is when
	// something happens. An error is retried with growing pauses.
	React func(ctx context.Context, order domain.OrderID) (again time.Time, err error)
}

// Feed delivers events in order per order, at least once. An eventlog.Store is one.
type Feed interface {
	Subscribe(ctx context.Context, above eventlog.Position, categories ...string) iter.Seq2[eventlog.Recorded, error]
}

// Acker is a Feed that keeps its own place, event by event, and wants to know
// which of them are dealt with; the driver then uses no Checkpoints.
type Acker interface {
	// Settled says that the event at p, and every repeat of it delivered so
	// far, needs nothing more: it woke nobody, or the look it caused has ended.
	// An event may never be told of: its look was cut off, or [MaxHeld] others
	// of its order came during one look. So a feed waits only so long for it.
	Ack(p eventlog.Position)
}

// Checkpoints keep the place of a feed. They are a cache: a place that is lost
// or old makes a saga look again at orders it has finished.
type Checkpoints interface {
	// LoadCheckpoint returns what was last saved under a name, and the zero
	// Checkpoint if there is nothing. What an older version saved is an Event
	// without an id.
	LoadCheckpoint(ctx context.Context, name string) (eventlog.Checkpoint, error)
	// SaveCheckpoint replaces what is saved under a name; it may go back.
	SaveCheckpoint(ctx context.Context, name string, c eventlog.Checkpoint) error
}

// Standing finds orders whose work is not finished and that had no event since a moment.
type StalledFinder interface {
	Stalled(ctx context.Context, before time.Time, limit int) ([]domain.OrderID, error)
}

// Observer is told what a driver does; nil funcs are not called.
type Observer struct {
	Reacted func(saga string, err error, took time.Duration)
	Lanes   func(saga string, busy, timers int)
	// Incomplete is called for every order that is found to stand still because
	// a stream of it was truncated.
	Incomplete func(saga string)
	// FeedFailed is called for every failure of the feed, with what is done
	// about it; Stalled when the feed brings nothing although there is more.
	FeedFailed func(saga string, kind domain.Kind, remedy following.Remedy)
	Stalled    func(saga string)
}

// Stepped is told of every step of a saga that was done or that failed; nil is
// told nothing. The names of steps are few and fixed: each saga lists its own.
type StepObserver func(step string, err error, took time.Duration)

// Tell reports a step that began at a moment and ends now.
func (s StepObserver) Observe(step string, err error, begun time.Time) {
	if s != nil {
		s(step, err, time.Since(begun))
	}
}

// Driver runs one saga. All fields but Saga and Feed may be left out.
type Driver struct {
	Saga        Saga
	Feed        Feed
	Checkpoints Checkpoints
	Stalled     StalledFinder
	Observer    Observer
	Logger      *slog.Logger
	Lanes       int // at most; MaxLanes if 0

	lanes    *lanes
	workers  *workerPool
	acked    func(eventlog.Position)
	follower *following.Follower
	running  *atomic.Bool

	mu        *sync.Mutex // guards truncated
	truncated map[domain.OrderID]struct{}
}

// NewDriver makes d ready to run.
func NewDriver(d Driver) *Driver {
	if d.Lanes == 0 {
		d.Lanes = MaxLanes
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	d.lanes, d.workers = newLanes(d.Lanes), newWorkerPool()
	d.acked = func(eventlog.Position) {}
	if feed, ok := d.Feed.(Acker); ok {
		d.acked, d.lanes.tracksEvents, d.Checkpoints = feed.Ack, true, nil
	}
	d.follower, d.running = following.New(d.following()), &atomic.Bool{}
	d.mu, d.truncated = &sync.Mutex{}, map[domain.OrderID]struct{}{}
	return &d
}

func (d *Driver) following() following.Config {
	name, o := d.Saga.Name, d.Observer
	c := following.Config{Name: "saga " + name, Log: d.Feed, Categories: d.Saga.Categories, Logger: d.Logger}
	if o.FeedFailed != nil {
		c.Failed = func(kind domain.Kind, remedy following.Remedy) { o.FeedFailed(name, kind, remedy) }
	}
	if o.Stalled != nil {
		c.Stalled = func() { o.Stalled(name) }
	}
	return c
}

// Hurry looks at once at every order that waits for a moment: whatever it
// waited for, such as a breaker, may be better now.
func (d *Driver) RetryAll() { d.lanes.retryAll() }

// Wake looks at an order now: somebody knows that it can go on. A look that is
// under way is repeated when it has ended. Before Run it waits for Run.
func (d *Driver) Wake(order domain.OrderID) { d.lanes.wake(order) }
