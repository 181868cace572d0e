package following

import (
	"context"
	"errors"
	"iter"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/internal/backoff"
	"orderflow/internal/pause"
)

var errReopen = errors.New("the subscription is opened again")

// Follow yields the events above a position, and calls passed (which may be
// nil) as [eventlog.Watermarked] says. Failures whose remedy is Retry are waited
// for, and the subscription goes on where it was. Any other failure, and the
// end of ctx, is yielded as the last thing; see [Follower.Rewinds].
func (f *Follower) Follow(ctx context.Context, above eventlog.Position, passed func(eventlog.Watermark)) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		s := subscription{Follower: f, at: above, passed: passed, yield: yield}
		f.Applied(above)
		for pauses := newBackoff(); ; {
			before := s.at
			err, gone := s.subscribeOnce(ctx)
			if err == nil {
				err = domain.Errorf(domain.Unavailable, "The subscription ended without an error.")
			}
			switch {
			case gone:
				return
			case ctx.Err() != nil:
				yield(eventlog.Recorded{}, ctx.Err())
				return
			}
			if s.at > before {
				pauses.Reset()
			}
			if !errors.Is(err, errReopen) && !f.again(ctx, err, pauses.NextBackOff()) {
				if ctx.Err() != nil {
					err = ctx.Err()
				}
				yield(eventlog.Recorded{}, err)
				return
			}
			if err := s.checkSameLog(ctx); err != nil {
				f.again(ctx, err, 0)
				yield(eventlog.Recorded{}, err)
				return
			}
		}
	}
}

// subscription is one call of Follow.
type subscription struct {
	*Follower
	at     eventlog.Position // up to which everything was yielded
	last   eventlog.Mark     // the last event that was
	passed func(eventlog.Watermark)
	yield  func(eventlog.Recorded, error) bool
}

// subscribeOnce subscribes and yields until the subscription ends. gone reports that
// the reader stopped.
func (s *subscription) subscribeOnce(ctx context.Context) (err error, gone bool) { //nolint:revive // the error is what is asked for, gone the exception
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s.open(cancel, s.at)
	defer s.setWaiting(nil)
	told := func(w eventlog.Watermark) {
		s.at = max(s.at, w.Position)
		s.noteWatermark(w)
		if s.passed != nil {
			s.passed(w)
		}
	}
	for r, err := range eventlog.Follow(inner, s.config.Log, s.at, told, s.config.Categories...) {
		if err != nil {
			if cause := context.Cause(inner); cause != nil && ctx.Err() == nil {
				return cause, false
			}
			return err, false
		}
		s.noteEvent(r)
		if !s.yield(r, nil) {
			return nil, true
		}
		s.setWaiting(cancel)
		s.at, s.last = r.Position, eventlog.MarkOf(r)
	}
	return nil, false
}

// checkSameLog returns an error of kind Invalid if the log has another event at the
// position of the last one: after the failure another log answers.
func (s *subscription) checkSameLog(ctx context.Context) error {
	log, ok := s.config.Log.(eventlog.PositionFinder)
	if !ok || s.last.Position == 0 {
		return nil
	}
	r, ok, err := log.At(ctx, s.last.Position)
	if err != nil || !ok || r.ID == s.last.ID {
		return nil //nolint:nilerr // the subscription will say it
	}
	return domain.Errorf(domain.Invalid, "At position %d the log has another event than the one that was read there: it was replaced, or restored from an older backup.", s.last.Position)
}

// newBackoff returns the waits after failures in a row, from FirstPause to LastPause.
func newBackoff() *backoff.Sequence {
	return backoff.Policy{First: FirstPause, Last: LastPause}.Sequence()
}

// again reports whether to retry after err, and waits first.
func (f *Follower) again(ctx context.Context, err error, wait time.Duration) bool {
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
	if n == WarnAfter {
		f.config.Logger.WarnContext(ctx, "the log cannot be followed; it is tried again", "reader", f.config.Name, "failures", n, "kind", kind.String(), "error", err)
	}
	return pause.For(ctx, wait) == nil
}

// Rewinds reports whether a reader whose Follow or Resume ended with err should call
// Resume again with its checkpoint. It returns false if only a person can fix err,
// or after MaxRewinds that brought neither an event nor a watermark; the reader then
// ends with err.
func (f *Follower) Rewinds(err error) bool {
	if RemedyFor(domain.KindOf(err)) != Rewind {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rewinds++
	return f.rewinds <= MaxRewinds
}

// open records that a subscription starts above a position.
func (f *Follower) open(reopen context.CancelCauseFunc, at eventlog.Position) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reopen, f.reading, f.opened, f.seen = reopen, true, f.config.Now(), max(f.seen, at)
}

// setWaiting records that the follower waits for the log, or, with nil, that it does not.
func (f *Follower) setWaiting(reopen context.CancelCauseFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reopen, f.reading = reopen, reopen != nil
}

// noteEvent records an event that is now with the reader.
func (f *Follower) noteEvent(r eventlog.Recorded) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reading = false
	f.noteProgress(r.Position)
}

// noteWatermark records a watermark.
func (f *Follower) noteWatermark(w eventlog.Watermark) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.health.CaughtUp = f.health.CaughtUp || w.CaughtUp
	f.noteProgress(w.Position)
}

// noteProgress records that the subscription has yielded everything up to p, and
// resets the count of failures. The caller holds mu.
func (f *Follower) noteProgress(p eventlog.Position) {
	if f.health.Failures >= WarnAfter {
		f.config.Logger.Info("the log is followed again", "reader", f.config.Name, "failures", f.health.Failures)
	}
	f.health.Failures, f.health.Err, f.rewinds = 0, nil, 0
	f.seen, f.behind, f.since = max(f.seen, p), false, f.config.Now()
}
