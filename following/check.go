package following

import (
	"context"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Health describes how a follower keeps up with the log.
type Health struct {
	CaughtUp bool              // the end of the log at the start has been reached
	Position eventlog.Position // up to which everything was applied
	End      eventlog.Position // of the log, when it was last asked
	Oldest   time.Time         // when the oldest event that is not applied was stored; zero if there is none
	Checked  time.Time         // when End and Oldest were known last; they are not while the log does not answer. Zero before
	Quiet    time.Duration     // how long the subscription has brought nothing although the log has more; 0 if it keeps up
	Failures int               // failed subscriptions in a row
	Err      error             // of the last one; nil once an event or a watermark came
}

// Watch calls Check every CheckEvery until ctx is done. It returns at once if the log
// has no end to compare with.
func (f *Follower) Watch(ctx context.Context) {
	if _, ok := f.config.Log.(readable); !ok {
		return
	}
	every := time.NewTicker(CheckEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			f.Check(ctx)
		}
	}
}

// Check compares the follower with the log. It reports a stall, and ends one that
// lasts by subscribing again. If the log ends before what was read from it for
// StalledAfter, the subscription ends with kind Invalid.
func (f *Follower) Check(ctx context.Context) {
	log, ok := f.config.Log.(readable)
	if !ok {
		return
	}
	found, err := f.observe(ctx, log)
	if err != nil {
		return // the callers and the subscription report that the log does not answer
	}
	act, ok := f.evaluate(found)
	if !ok {
		return
	}
	if act.report {
		f.report(ctx, act)
	}
	if act.reopen == nil {
		return
	}
	if act.cause == errReopen { //nolint:errorlint // it is this very value
		f.config.Logger.WarnContext(ctx, "the subscription is opened again on a fresh connection", "reader", f.config.Name, "quiet", act.Quiet.Round(time.Second).String())
		if r, ok := f.config.Log.(Reconnecting); ok {
			r.Reconnect()
		}
	}
	act.reopen(act.cause)
}

// observation is the result of comparing the follower with the log.
type observation struct {
	began    int // the observation is valid if Begin was not called since
	end      eventlog.Position
	oldest   time.Time         // when the first event above what was applied was stored
	seen     eventlog.Position // the subscription had yielded everything up to here
	more     bool              // there was an event above seen
	caughtUp bool
}

// observe reads the end of the log, and the first events for the reader above the
// applied and above the yielded position. Before the subscription has caught up it
// reads only the end, so as not to read the same range twice.
func (f *Follower) observe(ctx context.Context, log readable) (a observation, err error) {
	f.mu.Lock()
	at := f.health.Position
	a.began, a.seen, a.caughtUp = f.began, f.seen, f.health.CaughtUp
	f.mu.Unlock()
	if a.end, err = log.End(ctx); err != nil || !a.caughtUp {
		return a, err
	}
	if a.oldest, err = f.first(ctx, log, at, a.end); err != nil {
		return a, err
	}
	if a.oldest.IsZero() {
		f.appliedIn(a.began, a.end)
		return a, nil
	}
	if a.seen <= at {
		a.more = true
		return a, nil
	}
	next, err := f.first(ctx, log, a.seen, a.end)
	a.more = !next.IsZero()
	return a, err
}

// first returns when the first event for the reader above a position and up to
// end was stored; zero if there is none.
func (f *Follower) first(ctx context.Context, log readable, above, end eventlog.Position) (time.Time, error) {
	if above >= end {
		return time.Time{}, nil
	}
	for r, err := range log.ReadAll(ctx, above, f.config.Categories...) {
		if err != nil {
			return time.Time{}, err
		}
		if r.Position <= end {
			return r.At, nil
		}
		break
	}
	return time.Time{}, nil
}

// decision is what to do after a check.
type decision struct {
	Health
	stalled, report bool
	reopen          context.CancelCauseFunc // nil if the subscription stays
	cause           error                   // with which it ends
}

// evaluate updates the health from an observation and returns what to do; ok is false
// if Begin was called since the observation.
func (f *Follower) evaluate(a observation) (do decision, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a.began != f.began {
		return decision{}, false
	}
	now := f.config.Now()
	f.health.End, f.health.Oldest, f.health.Checked = a.end, a.oldest, now
	switch {
	case a.seen < f.seen: // something came since
	case a.more && !f.behind: // since when is not known, but not before the last check
		f.behind, f.since = true, now
	case a.more:
	case a.caughtUp:
		f.behind, f.since = false, now
		f.seen = max(f.seen, a.end)
	}
	quiet := f.quiet(now)
	do.stalled = quiet >= StalledAfter
	do.report = do.stalled != f.stallReported
	f.stallReported = do.stalled
	switch {
	case f.setBack(a, now):
		do.reopen, f.short = f.reopen, time.Time{}
		do.cause = domain.Errorf(domain.Invalid, "The log ends at %d, before position %d that was read from it: it was restored from an older backup, or replaced.", a.end, a.seen)
	case do.stalled && f.reopen != nil && now.Sub(later(f.since, f.opened)) >= ReopenAfter:
		do.reopen, do.cause, f.opened = f.reopen, errReopen, now
	}
	do.Health = f.health
	do.Quiet = quiet
	return do, true
}

// setBack reports whether the log has ended for StalledAfter before what was
// read from it. The caller holds mu.
func (f *Follower) setBack(a observation, now time.Time) bool {
	switch {
	case a.end >= a.seen:
		f.short = time.Time{}
	case f.short.IsZero():
		f.short = now
	}
	return !f.short.IsZero() && now.Sub(f.short) >= StalledAfter && f.reopen != nil
}

func (f *Follower) report(ctx context.Context, do decision) {
	if !do.stalled {
		f.config.Logger.InfoContext(ctx, "the log is followed again", "reader", f.config.Name)
		return
	}
	f.config.Stalled()
	lag := "unknown"
	if !do.Oldest.IsZero() {
		lag = f.config.Now().Sub(do.Oldest).Round(time.Second).String()
	}
	f.config.Logger.ErrorContext(ctx, "the subscription brings nothing although the log has more", "reader", f.config.Name,
		"quiet", do.Quiet.Round(time.Second).String(), "position", int64(do.Position), "end", int64(do.End), "lag", lag)
}

// quiet returns how long the subscription has brought nothing although the log has
// more. The caller holds mu.
func (f *Follower) quiet(now time.Time) time.Duration {
	if !f.reading || f.health.CaughtUp && !f.behind {
		return 0
	}
	from := f.since
	if !f.stallReported { // a subscription that was just opened gets its time
		from = later(from, f.opened)
	}
	return max(0, now.Sub(from))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Health returns the follower's health as of the last check.
func (f *Follower) Health() Health {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.health
	h.Quiet = f.quiet(f.config.Now())
	return h
}

// Ready returns nil, or an error of kind Unavailable that says why the reader is behind.
func (f *Follower) Ready() error {
	h := f.Health()
	switch {
	case h.Failures >= WarnAfter:
		return domain.Wrap(domain.Unavailable, h.Err, "The %s cannot follow the log; %d tries failed", f.config.Name, h.Failures)
	case h.Quiet >= StalledAfter:
		return domain.Errorf(domain.Unavailable, "The %s has been stalled at position %d of %d for %s.", f.config.Name, h.Position, h.End, h.Quiet.Round(time.Second))
	case !h.CaughtUp:
		return domain.Errorf(domain.Unavailable, "The %s has not caught up with the log yet; it is at position %d.", f.config.Name, h.Position)
	}
	return nil
}
