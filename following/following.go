// Package following reads the log for what must keep up with it: sagas, views
// and the relay. It is the one place that decides what becomes of a failed
// subscription, and that notices when nothing comes although there is something.
//
//	log ──Subscribe──▶ Follower ──events, watermarks──▶ saga, view, relay
//	                      │  ▲                              │
//	     failure ─▶ Remedy│  └────────── Applied ───────────┘
//	                      └─ every LookEvery: End, first event above what was applied ─▶ Health
package following

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"sync"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Limits of a follower.
const (
	// LookEvery is how often a follower compares itself with the end of the log.
	LookEvery = 2 * time.Second
	// StalledAfter is how long a follower may be behind without an event before
	// it counts as stalled: it is not ready then, and says so.
	StalledAfter = 10 * time.Second
	// ReopenAfter is how long a stalled follower waits before it subscribes anew
	// on a fresh connection.
	ReopenAfter = 60 * time.Second
	// FirstPause before a failed subscription is tried again; it doubles up to LastPause.
	FirstPause = 100 * time.Millisecond
	// LastPause is the longest pause between two tries.
	LastPause = 2 * time.Second
	// LoudAfter is how many tries in a row may fail before it is logged, and the
	// follower is not ready.
	LoudAfter = 3
)

// Log is what a follower needs of an event log. One that implements
// eventlog.Watermarked, eventlog.Ended, ReadAll or Reconnecting as well is
// followed more closely.
type Log = eventlog.Subscriber

// Reconnecting is a log that is served elsewhere.
type Reconnecting interface {
	// Reconnect drops the connections that subscriptions use; those under way
	// end with Unavailable.
	Reconnect()
}

// readable is a log whose events can be looked up.
type readable interface {
	eventlog.Ended
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

// Health is how a follower keeps up.
type Health struct {
	CaughtUp bool              // it has reached what was the end when it began
	Position eventlog.Position // up to which everything was applied
	End      eventlog.Position // of the log, when it was last asked
	Oldest   time.Time         // when the oldest event that is not applied was stored; zero if there is none
	Quiet    time.Duration     // how long nothing was applied although there is something; 0 if it keeps up
	Failures int               // failed subscriptions in a row
	Err      error             // of the last one; nil once an event came
}

// Follower follows the log for one reader. Follow may be called again when it
// has returned; the other methods may be called at any time.
type Follower struct {
	config Config

	mu      sync.Mutex
	health  Health
	since   time.Time // when the follower last moved, or began to be behind
	loud    bool      // the stall was reported
	reading bool      // it waits for the log, not for the reader
	reopen  context.CancelCauseFunc
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

var errReopen = errors.New("the subscription is opened anew")

// Follow yields the events above a position, and calls passed (which may be
// nil) as [eventlog.Watermarked] says. Failures whose remedy is Retry are waited
// for, and the subscription goes on where it was. Any other failure, and the
// end of ctx, is yielded as the last thing.
func (f *Follower) Follow(ctx context.Context, above eventlog.Position, passed func(eventlog.Watermark)) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		at := above
		f.Applied(above)
		for pause := FirstPause; ; pause = min(2*pause, LastPause) {
			before := at
			err, gone := f.once(ctx, &at, passed, yield)
			switch {
			case gone:
				return
			case ctx.Err() != nil:
				yield(eventlog.Recorded{}, ctx.Err())
				return
			}
			if at > before {
				pause = FirstPause
			}
			if !errors.Is(err, errReopen) && !f.again(ctx, err, pause) {
				yield(eventlog.Recorded{}, err)
				return
			}
		}
	}
}

// once subscribes and yields until the subscription ends; gone says that the
// reader wants no more.
func (f *Follower) once(ctx context.Context, at *eventlog.Position, passed func(eventlog.Watermark), yield func(eventlog.Recorded, error) bool) (err error, gone bool) { //nolint:revive // the error is what is asked for, gone the exception
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	f.waits(cancel)
	defer f.waits(nil)
	told := func(w eventlog.Watermark) {
		*at = max(*at, w.Position)
		f.passed(w)
		if passed != nil {
			passed(w)
		}
	}
	for r, err := range eventlog.Follow(ctx, f.config.Log, *at, told, f.config.Categories...) {
		if err != nil {
			if context.Cause(ctx) == errReopen { //nolint:errorlint // it is this very value
				return errReopen, false
			}
			return err, false
		}
		f.came()
		more := yield(r, nil)
		f.waits(cancel)
		*at = r.Position
		if !more {
			return nil, true
		}
	}
	return domain.Errorf(domain.Unavailable, "The subscription ended without an error."), false
}

// again reports whether the subscription is to be opened again after err, and
// waits before that.
func (f *Follower) again(ctx context.Context, err error, pause time.Duration) bool {
	kind := domain.KindOf(err)
	remedy := RemedyFor(kind)
	f.config.Failed(kind, remedy)
	f.mu.Lock()
	f.health.Failures++
	f.health.Err = err
	n := f.health.Failures
	f.mu.Unlock()
	if remedy != Retry {
		return false
	}
	if n == LoudAfter {
		f.config.Logger.WarnContext(ctx, "the log cannot be followed; it is tried again", "reader", f.config.Name, "failures", n, "kind", kind.String(), "error", err)
	}
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// waits notes that the follower waits for the log; nil that it does not follow.
func (f *Follower) waits(reopen context.CancelCauseFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reopen, f.reading = reopen, reopen != nil
}

// came notes that an event came, which the reader has now.
func (f *Follower) came() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reading, f.since = false, f.config.Now()
	f.healthy()
}

// healthy forgets failures. The caller holds mu.
func (f *Follower) healthy() {
	if f.health.Failures >= LoudAfter {
		f.config.Logger.Info("the log is followed again", "reader", f.config.Name, "failures", f.health.Failures)
	}
	f.health.Failures, f.health.Err = 0, nil
}

func (f *Follower) passed(w eventlog.Watermark) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.since = f.config.Now()
	f.health.CaughtUp = f.health.CaughtUp || w.CaughtUp
	f.healthy()
}

// Applied notes that everything up to p was dealt with.
func (f *Follower) Applied(p eventlog.Position) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p > f.health.Position {
		f.health.Position, f.since = p, f.config.Now()
	}
}

// Begin forgets how the follower fared: its reader begins at another place.
func (f *Follower) Begin() {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, tells := f.config.Log.(eventlog.Watermarked) // one that does not is believed
	f.health = Health{End: f.health.End, CaughtUp: !tells}
	f.since, f.loud = f.config.Now(), false
}

// Watch looks every LookEvery whether the follower keeps up, until ctx is done.
func (f *Follower) Watch(ctx context.Context) {
	every := time.NewTicker(LookEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			f.Look(ctx)
		}
	}
}

// Look compares the follower with the log, reports a stall, and ends one that
// lasts by subscribing anew.
func (f *Follower) Look(ctx context.Context) {
	log, ok := f.config.Log.(readable)
	if !ok {
		return
	}
	end, oldest, err := f.ahead(ctx, log)
	if err != nil {
		return // that the log does not answer, its callers and the subscription say
	}
	f.mu.Lock()
	now := f.config.Now()
	f.health.End, f.health.Oldest = end, oldest
	if oldest.IsZero() && f.health.CaughtUp {
		f.since = now
	}
	quiet := f.quiet(now)
	stalled, report := quiet >= StalledAfter, false
	if stalled != f.loud {
		f.loud, report = stalled, true
	}
	reopen := f.reopen
	if quiet >= ReopenAfter {
		f.since = now
	}
	h := f.health
	f.mu.Unlock()
	if report {
		f.report(ctx, stalled, quiet, h)
	}
	if quiet >= ReopenAfter && reopen != nil {
		f.config.Logger.WarnContext(ctx, "the subscription is opened anew on a fresh connection", "reader", f.config.Name, "quiet", quiet.Round(time.Second).String())
		if r, ok := f.config.Log.(Reconnecting); ok {
			r.Reconnect()
		}
		reopen(errReopen)
	}
}

func (f *Follower) report(ctx context.Context, stalled bool, quiet time.Duration, h Health) {
	if !stalled {
		f.config.Logger.InfoContext(ctx, "the log is followed again", "reader", f.config.Name)
		return
	}
	f.config.Stalled()
	f.config.Logger.ErrorContext(ctx, "nothing comes from the log although there is more", "reader", f.config.Name,
		"quiet", quiet.Round(time.Second).String(), "position", int64(h.Position), "end", int64(h.End), "lag", f.config.Now().Sub(h.Oldest).Round(time.Second).String())
}

// ahead returns the end of the log and when the first event for the reader was
// stored that it has not applied.
func (f *Follower) ahead(ctx context.Context, log readable) (end eventlog.Position, oldest time.Time, err error) {
	if end, err = log.End(ctx); err != nil {
		return 0, time.Time{}, err
	}
	f.mu.Lock()
	at, caughtUp := f.health.Position, f.health.CaughtUp
	f.mu.Unlock()
	if at >= end || !caughtUp { // the subscription walks there by itself; a second walk would be in its way
		return end, time.Time{}, nil
	}
	for r, err := range log.ReadAll(ctx, at, f.config.Categories...) {
		if err != nil {
			return 0, time.Time{}, err
		}
		if r.Position <= end {
			return end, r.At, nil
		}
		break
	}
	f.Applied(end)
	return end, time.Time{}, nil
}

// quiet is how long nothing was applied although there is something. The
// caller holds mu.
func (f *Follower) quiet(now time.Time) time.Duration {
	if f.health.Oldest.IsZero() && f.health.CaughtUp || !f.reading {
		return 0
	}
	return max(0, now.Sub(f.since))
}

// Health returns how the follower keeps up, as of the last look.
func (f *Follower) Health() Health {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.health
	h.Quiet = f.quiet(f.config.Now())
	return h
}

// Ready returns nil, or why the reader cannot be relied on now, in one sentence,
// with kind Unavailable.
func (f *Follower) Ready() error {
	h := f.Health()
	switch {
	case h.Failures >= LoudAfter:
		return domain.Wrap(domain.Unavailable, h.Err, "The %s cannot follow the log; %d tries failed.", f.config.Name, h.Failures)
	case !h.CaughtUp:
		return domain.Errorf(domain.Unavailable, "The %s has not caught up with the log; it is at position %d of %d.", f.config.Name, h.Position, h.End)
	case h.Quiet >= StalledAfter:
		return domain.Errorf(domain.Unavailable, "The %s stands still at position %d of %d for %s.", f.config.Name, h.Position, h.End, h.Quiet.Round(time.Second))
	}
	return nil
}
