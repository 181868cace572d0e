package projections

import (
	"context"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/following"
	"orderflow/readmodels"
)

// State is how a group fares.
type State string

// The states of a group.
const (
	Stopped   State = "stopped" // Run was not called, or ended
	Following State = "following"
	Retrying  State = "retrying" // its store or the log failed; tried again by itself
	Broken    State = "broken"   // an event cannot be projected; stands still until rebuilt
	// Stalled is behind, and nothing has come from the log for
	// [following.StalledAfter]; it subscribes anew by itself.
	Stalled State = "stalled"
	// Recomputing is computed anew by itself: what it was computed from is not in
	// the log any more. Its old rows serve meanwhile.
	Recomputing State = "recomputing"
)

// Status is how a group stands.
type Status struct {
	Group    string
	State    State
	Error    string            // why it is Retrying or Broken, else empty
	Position eventlog.Position // up to where its rows reflect the log
	End      eventlog.Position // the end of the log
	// LagEvents is how many events of the group are not applied; [MaxLagEvents]
	// stands for that many or more.
	LagEvents int64
	// Lag is the age of the oldest event that is not applied; 0 when there is none.
	Lag        time.Duration
	Rebuilding bool
	WrittenAt  time.Time // of the last commit in this process; zero before
	// Incomplete counts the streams whose beginning the log lacks and whose events
	// are therefore not in the rows.
	Incomplete int64
}

func (f *projector) status(ctx context.Context) (Status, error) {
	at, err := f.position(ctx)
	if err != nil {
		return Status{}, err
	}
	end, err := f.log.End(ctx)
	if err != nil {
		return Status{}, err
	}
	s := f.seen(at, end)
	s.countHoles(ctx, f.views)
	return s, f.lag(ctx, &s)
}

// countHoles fills in how many streams the rows set aside. A store that cannot
// say so now is told of as the error, and is no reason to tell nothing.
func (s *Status) countHoles(ctx context.Context, views any) {
	holes, ok := views.(readmodels.Holes)
	if !ok {
		return
	}
	var err error
	if _, s.Incomplete, err = holes.Holes(ctx, s.Group, 0); err != nil && s.Error == "" {
		s.Error = err.Error()
	}
}

// seen is the status without the lag.
func (f *projector) seen(at, end eventlog.Position) Status {
	h := f.source.Health()
	f.mu.Lock()
	defer f.mu.Unlock()
	s := Status{
		Group: f.group.Name, State: f.state, Position: at, End: end, Rebuilding: f.rebuilding, WrittenAt: f.writtenAt,
	}
	err := f.err
	switch {
	case f.state != Following:
	case h.Failures > 0:
		s.State, err = Retrying, h.Err
	case h.Quiet >= following.StalledAfter:
		s.State, err = Stalled, f.source.Ready()
	}
	if err != nil {
		s.Error = err.Error()
	}
	return s
}

// lag fills in how much is not applied. What the group has in hand is known;
// the log is asked for the rest, unless the subscription is on its way to what
// was the end when it began: a second walk would only be in its way. It is not on
// its way if nothing is in hand and it has brought nothing for [following.CheckEvery].
func (f *projector) lag(ctx context.Context, s *Status) error {
	h := f.source.Health()
	f.mu.Lock()
	oldest, known := f.pending, 0
	if f.queue != nil {
		first, n := f.queue.oldest()
		if known = n; oldest.IsZero() {
			oldest = first
		}
	}
	if !oldest.IsZero() {
		known = max(known, 1)
	}
	at, limit := s.Position, maxLookTime
	if f.doubt != nil {
		at = 0
	}
	running := f.running
	f.mu.Unlock()
	if !running {
		limit = 0 // somebody asks once, and waits
	}
	n := 0
	onItsWay := known > 0 || h.Quiet < following.CheckEvery
	if catchingUp := running && (s.State == Following || s.State == Stopped) && !h.CaughtUp; !catchingUp || !onItsWay {
		var first waiting
		var err error
		if n, first, err = f.backlog.look(ctx, at, s.End, limit); err != nil {
			return err
		}
		if n > 0 {
			oldest = first.stored
		}
	}
	s.LagEvents = int64(min(max(n, known), MaxLagEvents))
	if !oldest.IsZero() {
		s.Lag = max(0, f.now().Sub(oldest))
	}
	return nil
}

// await registers before it looks, so that a commit between the two is not missed.
func (f *projector) await(ctx context.Context, at eventlog.Position) error {
	ctx, cancel := context.WithTimeout(ctx, MaxAwait)
	defer cancel()
	f.waiting.Add(1)
	defer f.waiting.Add(-1)
	for {
		f.mu.Lock()
		moved, state, err, doubt := f.moved, f.state, f.err, f.doubt
		f.mu.Unlock()
		have, perr := f.position(ctx)
		switch {
		case perr != nil:
			return perr
		case have >= at && doubt == nil:
			return nil
		case state == Broken:
			return domain.Wrap(domain.Unavailable, err, "The view %s stands still at position %d.", f.group.Name, have)
		}
		signal(f.wake)
		select {
		case <-moved:
		case <-ctx.Done():
			return domain.Wrap(domain.Unavailable, ctx.Err(), "The view %s is at position %d and has not reached %d in time.", f.group.Name, have, at)
		}
	}
}
