// Package sagas drives work that spans aggregates. A [Saga] looks at one
// order's state, does the next thing, records it, and looks again; this
// package decides when it looks.
//
//	feed (events, in order per order, at least once) ─▶ lane of the order ─▶ Saga.React ─▶ later? ─▶ timer ─┐
//	watchdog (stalled orders) ───────────────────────▶        ▲                                             │
//	                                                          └─────────────────────────────────────────────┘
//
// An event is only a reason to look: React reads the current state from the log, so a
// wake-up that is lost, late or repeated does no harm. One order is reacted to by one
// goroutine at a time; different orders in parallel.
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
	// MaxLanes bounds the orders that are reacted to at once; others wait in the feed.
	MaxLanes = 512
	// MaxTimers bounds the orders that wait for a time; the watchdog finds the others.
	MaxTimers = 200_000
	// MaxHeld bounds the events of one order that come during one reaction and are
	// acknowledged to an [Acker]; an order seldom has a dozen.
	MaxHeld = 64
	// CheckpointEvery is how often the checkpoint is saved; events since are handled again after a crash.
	CheckpointEvery = time.Second
	// WatchEvery is how often the watchdog looks for stalled orders.
	WatchEvery = 30 * time.Second
	// StillAfter is how long an order may be without an event before the watchdog looks at it.
	StillAfter = time.Minute
	// FirstRetry is the pause after a failed reaction; it doubles up to LastRetry.
	FirstRetry = 100 * time.Millisecond
	// LastRetry is the longest pause after a failed reaction.
	LastRetry = time.Minute
	// LastSave bounds the saving of the last checkpoint when a driver ends; the log
	// may not answer at that time.
	LastSave = 5 * time.Second
	// MaxTruncated bounds the orders that are remembered as lacking events; beyond it
	// an order is reported more than once.
	MaxTruncated = 10_000
)

// Saga is one kind of work.
type Saga struct {
	Name       string
	Categories []string                    // of the streams whose events wake it; a stream's id is the order's
	Wakes      func(eventType string) bool // which of their events do
	// React does the next steps for an order. It may be repeated at any time. It
	// returns when to call it again; zero means at the next event. After an error it
	// is retried with backoff. With retry, the cause for which the order waits may be
	// gone: a time that was recorded to wait for need not be waited out.
	React func(ctx context.Context, order domain.OrderID, retry bool) (again time.Time, err error)
}

// Feed delivers events in order per order, at least once. An eventlog.Store is one.
type Feed interface {
	Subscribe(ctx context.Context, above eventlog.Position, categories ...string) iter.Seq2[eventlog.Recorded, error]
}

// Acker is a Feed that keeps its own place, event by event, and is told which events
// have been handled; the driver then uses no Checkpoints.
type Acker interface {
	// Ack acknowledges the event at p, and every repeat of it delivered so far: it
	// did not wake the saga, or the reaction to it has ended. An event may never be
	// acknowledged, because its reaction was interrupted or [MaxHeld] others of its
	// order came during one reaction. So a feed waits for it with a limit.
	Ack(p eventlog.Position)
}

// Checkpoints stores how far feeds have been handled. It is a cache: if a checkpoint
// is lost or old, a saga reacts again to orders that it has finished.
type Checkpoints interface {
	// LoadCheckpoint returns what was last saved under a name, and the zero
	// Checkpoint if there is nothing. What an older version saved is an Event
	// without an id.
	LoadCheckpoint(ctx context.Context, name string) (eventlog.Checkpoint, error)
	// SaveCheckpoint replaces what is saved under a name; it may go back.
	SaveCheckpoint(ctx context.Context, name string, c eventlog.Checkpoint) error
}

// StalledFinder finds orders whose work is unfinished and that had no event since a time.
type StalledFinder interface {
	// Stalled returns up to limit orders without an event since before.
	Stalled(ctx context.Context, before time.Time, limit int) ([]domain.OrderID, error)
}

// Observer has the callbacks of a driver; nil ones are not called.
type Observer struct {
	Reacted func(saga string, err error, took time.Duration)
	Lanes   func(saga string, busy, timers int)
	// Incomplete is called for every order that is stalled because a stream of it was
	// truncated.
	Incomplete func(saga string)
	// FeedFailed is called for every failure of the feed, with the remedy; Stalled
	// when the feed brings nothing although the log has more.
	FeedFailed func(saga string, kind domain.Kind, remedy following.Remedy)
	Stalled    func(saga string)
}

// StepObserver is called after every step of a saga, done or failed; it may be nil.
// The names of steps are few and fixed: each saga lists its own.
type StepObserver func(step string, err error, took time.Duration)

// Observe reports a step that began at begun and ends now.
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
	d.lanes = newLanes(d.Lanes)
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

// RetryAll reacts at once to every order that waits for a time: the cause of the
// wait, such as an open breaker, may be gone.
func (d *Driver) RetryAll() { d.lanes.retryAll() }

// RetryOne reacts at once to the order that waits for the earliest time, to find out
// whether the cause of the wait is gone.
func (d *Driver) RetryOne() { d.lanes.retryOne() }

// Wake reacts to an order now, because it can go on. If a reaction is under way,
// another one follows it. Before Run it waits for Run.
func (d *Driver) Wake(order domain.OrderID) { d.lanes.wake(order) }
