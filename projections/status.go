package projections

import (
	"context"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/following"
	"orderflow/readmodels"
)

// State is the condition of a group.
type State string

// The states of a group.
const (
	Stopped   State = "stopped" // Run was not called, or ended
	Following State = "following"
	Retrying  State = "retrying" // its store or the log failed; retried automatically
	Broken    State = "broken"   // an event cannot be projected; stopped until rebuilt
	// Stalled is behind, and has received nothing from the log for
	// [following.StalledAfter]; it subscribes again automatically.
	Stalled State = "stalled"
	// Recomputing is being rebuilt automatically, because the log no longer has the
	// events that it was computed from. Its old rows serve meanwhile.
	Recomputing State = "recomputing"
)

// Status is the status of a group.
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

func (p *projector) status(ctx context.Context) (Status, error) {
	at, err := p.position(ctx)
	if err != nil {
		return Status{}, err
	}
	end, err := p.log.End(ctx)
	if err != nil {
		return Status{}, err
	}
	s := p.seen(at, end)
	s.countHoles(ctx, p.views)
	return s, p.lag(ctx, &s)
}

// countHoles fills in the number of holes. If the store fails, the status is returned
// with the error.
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
func (p *projector) seen(at, end eventlog.Position) Status {
	h := p.source.Health()
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Status{
		Group: p.group.Name, State: p.state, Position: at, End: end, Rebuilding: p.rebuilding, WrittenAt: p.writtenAt,
	}
	err := p.err
	switch {
	case p.state != Following:
	case h.Failures > 0:
		s.State, err = Retrying, h.Err
	case h.Quiet >= following.StalledAfter:
		s.State, err = Stalled, p.source.Ready()
	}
	if err != nil {
		s.Error = err.Error()
	}
	return s
}

// lag fills in the number and age of events that are not applied: those in the queue,
// and those that it reads from the log. It does not read while the subscription is
// catching up, so as not to read the same range twice, unless the queue is empty and
// the subscription has brought nothing for [following.CheckEvery].
func (p *projector) lag(ctx context.Context, s *Status) error {
	h := p.source.Health()
	p.mu.Lock()
	oldest, known := p.pending, 0
	if p.queue != nil {
		first, n := p.queue.oldest()
		if known = n; oldest.IsZero() {
			oldest = first
		}
	}
	if !oldest.IsZero() {
		known = max(known, 1)
	}
	at, limit := s.Position, maxLookTime
	if p.doubt != nil {
		at = 0
	}
	running := p.running
	p.mu.Unlock()
	if !running {
		limit = 0 // a command asks once, and waits
	}
	n := 0
	onItsWay := known > 0 || h.Quiet < following.CheckEvery
	if catchingUp := running && (s.State == Following || s.State == Stopped) && !h.CaughtUp; !catchingUp || !onItsWay {
		var first waiting
		var err error
		if n, first, err = p.backlog.look(ctx, at, s.End, limit); err != nil {
			return err
		}
		if n > 0 {
			oldest = first.stored
		}
	}
	s.LagEvents = int64(min(max(n, known), MaxLagEvents))
	if !oldest.IsZero() {
		s.Lag = max(0, p.now().Sub(oldest))
	}
	return nil
}

// await registers before it looks, so that a commit between the two is not missed.
func (p *projector) await(ctx context.Context, at eventlog.Position) error {
	ctx, cancel := context.WithTimeout(ctx, MaxAwait)
	defer cancel()
	p.waiting.Add(1)
	defer p.waiting.Add(-1)
	for {
		p.mu.Lock()
		moved, state, err, doubt := p.moved, p.state, p.err, p.doubt
		p.mu.Unlock()
		have, perr := p.position(ctx)
		switch {
		case perr != nil:
			return perr
		case have >= at && doubt == nil:
			return nil
		case state == Broken:
			return domain.Wrap(domain.Unavailable, err, "The view %s is stopped at position %d", p.group.Name, have)
		}
		signal(p.wake)
		select {
		case <-moved:
		case <-ctx.Done():
			return domain.Wrap(domain.Unavailable, ctx.Err(), "The view %s is at position %d and has not reached %d in time", p.group.Name, have, at)
		}
	}
}
