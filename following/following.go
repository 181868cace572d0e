// Package following keeps sagas, views and the relay subscribed to the log. It is the
// only place that decides what follows a failed subscription, verifies a checkpoint
// against the log, and detects a stalled subscription: one that brings no events
// although the log has more.
//
//	log ──Subscribe──▶ Follower ──events, watermarks──▶ saga, view, relay
//	                      │  ▲                              │
//	     failure ─▶ Remedy│  └────────── Applied ───────────┘
//	                      └─ every CheckEvery: End, first event above what was applied ─▶ Health
//
// A reader saves the result of [Follower.Checkpoint], starts with [Follower.Resume] on
// its last checkpoint, and calls [Follower.Rewinds] when [Follower.Follow] has ended:
//
//	load ─▶ Resume ─▶ Follow ─▶ failure ─▶ Rewinds? ── no ─▶ end with the failure
//	          ▲                               │ yes
//	          └───────── last checkpoint ─────┘
package following

import (
	"context"
	"iter"
	"log/slog"
	"sync"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Limits of a follower.
const (
	// CheckEvery is how often a follower compares itself with the end of the log.
	CheckEvery = 2 * time.Second
	// StalledAfter is how long a follower may be behind without an event before
	// it counts as stalled: it is not ready then, and says so.
	StalledAfter = 10 * time.Second
	// ReopenAfter is how long a stalled follower waits before it subscribes again
	// on a fresh connection.
	ReopenAfter = 60 * time.Second
	// FirstPause before a failed subscription is tried again; it doubles up to LastPause.
	FirstPause = 100 * time.Millisecond
	// LastPause is the longest pause between two tries.
	LastPause = 2 * time.Second
	// WarnAfter is how many tries in a row fail before a warning is logged and the
	// follower is not ready.
	WarnAfter = 3
	// MaxRewinds in a row may bring neither an event nor a watermark. After them
	// the reader ends: a log that refuses each of its own positions is broken.
	MaxRewinds = 3
)

// Log is what a follower needs of an event log. One that implements
// eventlog.Watermarked, eventlog.EndReader, eventlog.PositionFinder, ReadAll or
// Reconnecting as well is followed more closely.
type Log = eventlog.Subscriber

// Reconnecting is a log that is served elsewhere.
type Reconnecting interface {
	// Reconnect drops the connections that subscriptions use; those under way
	// end with Unavailable.
	Reconnect()
}

// readable is a log whose events can be looked up.
type readable interface {
	eventlog.EndReader
	ReadAll(ctx context.Context, above eventlog.Position, categories ...string) iter.Seq2[eventlog.Recorded, error]
}

// Config is what a follower works with. Name, Log and Categories are required.
type Config struct {
	Name       string // of the reader, for messages: "saga charging"
	Log        Log
	Categories []string
	Logger     *slog.Logger     // nil discards
	Now        func() time.Time // nil for the system's clock
	// Failed is called for every failure of a subscription with its kind and
	// what is done about it; Stalled once when the follower stalls. Both may be nil.
	Failed  func(kind domain.Kind, remedy Remedy)
	Stalled func()
}

// Follower follows the log for one reader. Follow may be called again when it
// has returned; the other methods may be called at any time.
type Follower struct {
	config Config

	mu            sync.Mutex
	health        Health
	began         int               // number of calls of Begin; a check that began before the last one is discarded
	seen          eventlog.Position // up to which the subscription has yielded everything
	behind        bool              // the last check found an event above seen
	since         time.Time         // when the subscription last yielded something, or had nothing to yield
	opened        time.Time         // when it was opened
	short         time.Time         // since when the log ends before seen; zero if it does not
	stallReported bool              // the stall was reported
	reading       bool              // the follower waits for the log, not for the reader
	reopen        context.CancelCauseFunc
	rewinds       int           // in a row, without an event or a watermark
	named         eventlog.Mark // the last watermark whose event was looked up
}

// New returns a follower that has applied nothing.
func New(c Config) *Follower {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Failed == nil {
		c.Failed = func(domain.Kind, Remedy) {}
	}
	if c.Stalled == nil {
		c.Stalled = func() {}
	}
	f := &Follower{config: c}
	f.Begin()
	return f
}

// Begin resets the follower's health, because its reader starts at another position.
func (f *Follower) Begin() {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, tells := f.config.Log.(eventlog.Watermarked) // a log without watermarks counts as caught up
	f.health = Health{End: f.health.End, CaughtUp: !tells}
	f.began++
	f.seen, f.behind, f.stallReported, f.named = 0, false, false, eventlog.Mark{}
	f.since, f.short = f.config.Now(), time.Time{}
}

// Applied records that the reader has handled everything up to p.
func (f *Follower) Applied(p eventlog.Position) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.health.Position = max(f.health.Position, p)
}

// appliedIn is Applied, unless Begin was called since began was read.
func (f *Follower) appliedIn(began int, p eventlog.Position) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.began == began {
		f.health.Position = max(f.health.Position, p)
	}
}
