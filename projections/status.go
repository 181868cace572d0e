package projections

import (
	"context"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// State is how a group fares.
type State string

// The states of a group.
const (
	Stopped   State = "stopped" // Run was not called, or ended
	Following State = "following"
	Retrying  State = "retrying" // its store or the log failed; tried again by itself
	Broken    State = "broken"   // an event cannot be projected; stands still until rebuilt
)

// Status is how a group stands.
type Status struct {
	Group    string
	State    State
	Error    string            // why it is Retrying or Broken, else empty
	Position eventlog.Position // up to where its rows reflect the log
	End      eventlog.Position // the end of the log
	// LagEvents is how far the end of the log is ahead, in positions, and 0
	// when none of what is ahead is of this group.
	LagEvents int64
	// Lag is the age of the oldest event that is known and not yet applied; 0 when there is none.
	Lag        time.Duration
	Rebuilding bool
	WrittenAt  time.Time // of the last commit in this process; zero before
}

func (f *follower) status(ctx context.Context) (Status, error) {
	at, err := f.position(ctx)
	if err != nil {
		return Status{}, err
	}
	end, err := f.log.End(ctx)
	if err != nil {
		return Status{}, err
	}
	behind, err := lag(ctx, f.log, f.group, at, end)
	if err != nil {
		return Status{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s := Status{
		Group: f.group.Name, State: f.state, Position: at, End: end,
		LagEvents: behind, Rebuilding: f.rebuilding, WrittenAt: f.writtenAt,
	}
	if f.err != nil {
		s.Error = f.err.Error()
	}
	oldest := f.pending
	if oldest.IsZero() && f.queue != nil {
		oldest, _ = f.queue.oldest()
	}
	if !oldest.IsZero() {
		s.Lag = max(0, f.now().Sub(oldest))
	}
	return s, nil
}

// lag counts the positions ahead, if one of them up to end is of this group.
func lag(ctx context.Context, log Log, g Group, at, end eventlog.Position) (int64, error) {
	if at >= end {
		return 0, nil
	}
	for r, err := range log.ReadAll(ctx, at, g.Categories...) {
		switch {
		case err != nil:
			return 0, err
		case r.Position <= end:
			return int64(end - at), nil
		}
		break
	}
	return 0, nil
}

// await registers before it looks, so that a commit between the two is not missed.
func (f *follower) await(ctx context.Context, at eventlog.Position) error {
	ctx, cancel := context.WithTimeout(ctx, MaxAwait)
	defer cancel()
	f.waiting.Add(1)
	defer f.waiting.Add(-1)
	for {
		f.mu.Lock()
		moved, state, err := f.moved, f.state, f.err
		f.mu.Unlock()
		have, perr := f.position(ctx)
		switch {
		case perr != nil:
			return perr
		case have >= at:
			return nil
		case state == Broken:
			return domain.Wrap(domain.Unavailable, err, "The view %s stands still at position %d.", f.group.Name, have)
		}
		signal(f.nudge)
		select {
		case <-moved:
		case <-ctx.Done():
			return domain.Wrap(domain.Unavailable, ctx.Err(), "The view %s is at position %d and has not reached %d in time.", f.group.Name, have, at)
		}
	}
}
