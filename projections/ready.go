package projections

import (
	"context"

	"orderflow/domain"
	"orderflow/following"
)

// Ready returns nil while all groups keep up. Otherwise it returns an error of kind
// Unavailable for one of them: it has not caught up yet, its subscription is stalled,
// its store or the log has failed for longer than [following.StalledAfter], it is
// being rebuilt because of another log, or it is broken.
func (r *Runner) Ready(context.Context) error {
	for _, f := range r.projectors {
		if err := f.ready(); err != nil {
			return err
		}
	}
	return nil
}

func (p *projector) ready() error {
	h := p.source.Health()
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	switch {
	case p.state == Broken:
		return domain.Wrap(domain.Unavailable, p.err, "The view %s is stopped until it is rebuilt", p.group.Name)
	case p.doubt != nil:
		return domain.Wrap(domain.Unavailable, p.doubt, "The view %s is being rebuilt, because it was computed from another log; its old rows serve meanwhile", p.group.Name)
	case !p.unwell.IsZero() && now.Sub(p.unwell) >= following.StalledAfter:
		return domain.Wrap(domain.Unavailable, p.err, "The view %s has been failing since %s", p.group.Name, p.unwell.UTC().Format(timeOfDay))
	case !p.lost.IsZero() && now.Sub(p.lost) >= following.StalledAfter:
		return domain.Wrap(domain.Unavailable, h.Err, "The view %s has not been able to follow the log since %s", p.group.Name, p.lost.UTC().Format(timeOfDay))
	case h.Quiet >= following.StalledAfter:
		return p.source.Ready()
	case !p.caughtUp:
		return domain.Errorf(domain.Unavailable, "The view %s has not caught up with the log; it is at position %d of %d.", p.group.Name, p.at.Load(), h.End)
	}
	return nil
}

// timeOfDay is the format of times in messages.
const timeOfDay = "15:04:05 UTC"

// Broken returns an error of kind Unavailable if a group is stopped until a person
// rebuilds it, or nil. It reads neither the log nor the stores.
func (r *Runner) Broken() error {
	for _, f := range r.projectors {
		f.mu.Lock()
		state, err := f.state, f.err
		f.mu.Unlock()
		if state == Broken {
			return domain.Wrap(domain.Unavailable, err, "The view %s is stopped until it is rebuilt", f.group.Name)
		}
	}
	return nil
}
