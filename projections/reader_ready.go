package projections

import (
	"context"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/following"
)

// stuck is the state of a group that lags, and since when.
type stuck struct {
	cursor Cursor
	first  eventlog.Position // event that is not applied; 0 if the group is not behind
	since  time.Time
	blind  time.Time // since when the group cannot be read; zero while it can
}

// Ready returns nil while all groups keep up as far as is known here. Otherwise it
// returns an error of kind Unavailable for one of them: for [following.StalledAfter]
// its rows could not be read, or the same event has not been applied. It compares
// the status with that of earlier calls.
func (r *Reader) Ready(ctx context.Context) error {
	for _, w := range r.groups {
		s, err := r.status(ctx, w)
		if err != nil {
			return domain.Wrap(domain.Unavailable, err, "How far the view %s is behind the log cannot be seen now", w.name)
		}
		if err := w.ready(s, r.config.Now()); err != nil {
			return err
		}
	}
	return nil
}

func (w *watched) ready(s Status, now time.Time) error {
	var first eventlog.Position
	if w.backlog != nil && s.LagEvents > 0 {
		first = w.backlog.first()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case s.State != Retrying:
		w.stuck.blind = time.Time{}
	case w.stuck.blind.IsZero():
		w.stuck.blind = now
	}
	if w.stuck.cursor != w.cursor || w.stuck.first != first {
		w.stuck.cursor, w.stuck.first, w.stuck.since = w.cursor, first, now
	}
	switch {
	case !w.stuck.blind.IsZero() && now.Sub(w.stuck.blind) >= following.StalledAfter:
		return domain.Wrap(domain.Unavailable, w.err, "The view %s has not been readable since %s", w.name, w.stuck.blind.UTC().Format(timeOfDay))
	case first > 0 && now.Sub(w.stuck.since) >= following.StalledAfter:
		return domain.Errorf(domain.Unavailable, "The view %s has been stalled at position %d of %d since %s; see the process that keeps the views.",
			w.name, s.Position, s.End, w.stuck.since.UTC().Format(timeOfDay))
	}
	return nil
}
