package projections

import (
	"context"

	"orderflow/domain"
	"orderflow/following"
)

// Ready returns nil while all groups can be relied on, and otherwise says of one
// why not, with kind Unavailable: it has not caught up yet, nothing comes from
// the log although there is more, its store or the log has failed for longer
// than [following.StalledAfter], it is computed anew by itself, or it is broken.
func (r *Runner) Ready(context.Context) error {
	for _, f := range r.projectors {
		if err := f.ready(); err != nil {
			return err
		}
	}
	return nil
}

func (f *projector) ready() error {
	h := f.source.Health()
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	switch {
	case f.state == Broken:
		return domain.Wrap(domain.Unavailable, f.err, "The view %s stands still until it is rebuilt.", f.group.Name)
	case f.doubt != nil:
		return domain.Wrap(domain.Unavailable, f.doubt, "The view %s is computed anew, because the log is not the one that it was computed from; its old rows serve meanwhile.", f.group.Name)
	case !f.unwell.IsZero() && now.Sub(f.unwell) >= following.StalledAfter:
		return domain.Wrap(domain.Unavailable, f.err, "The view %s has been tried again since %s.", f.group.Name, f.unwell.UTC().Format(timeOfDay))
	case !f.lost.IsZero() && now.Sub(f.lost) >= following.StalledAfter:
		return domain.Wrap(domain.Unavailable, h.Err, "The view %s has not been able to follow the log since %s.", f.group.Name, f.lost.UTC().Format(timeOfDay))
	case h.Quiet >= following.StalledAfter:
		return f.source.Ready()
	case !f.caughtUp:
		return domain.Errorf(domain.Unavailable, "The view %s has not caught up with the log; it is at position %d of %d.", f.group.Name, f.at.Load(), h.End)
	}
	return nil
}

// timeOfDay is how a sentence says when something began.
const timeOfDay = "15:04:05 UTC"

// Broken returns why a group stands still until a person rebuilds it, with kind
// Unavailable, or nil. It asks neither the log nor the stores.
func (r *Runner) Broken() error {
	for _, f := range r.projectors {
		f.mu.Lock()
		state, err := f.state, f.err
		f.mu.Unlock()
		if state == Broken {
			return domain.Wrap(domain.Unavailable, err, "The view %s stands still until it is rebuilt", f.group.Name)
		}
	}
	return nil
}
