package projections

import (
	"context"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// markAt returns the mark of the event at a position; without an id if there is
// none, or if the log cannot tell.
func markAt(ctx context.Context, log Log, p eventlog.Position) (eventlog.Mark, error) {
	located, ok := log.(eventlog.Located)
	if !ok {
		return eventlog.Mark{Position: p}, nil
	}
	r, ok, err := located.At(ctx, p)
	if err != nil || !ok {
		return eventlog.Mark{Position: p}, err
	}
	return eventlog.MarkOf(r), nil
}

// prove asks the log whether the store's rows are about it, and has the store
// stand where the log can be read on. doubt is not nil, and says why, if they
// are not: then they have to be computed anew.
func (f *folder) prove(ctx context.Context, log Log) (doubt, err error) {
	end, err := log.End(ctx) // after the checkpoint, which another process may move
	switch at := f.stand.Event.Position; {
	case err != nil:
		return nil, err
	case at > end:
		return domain.Errorf(domain.Conflict, "The view %s is at position %d and the log ends at %d: the log was set back or replaced.", f.group.Name, at, end), nil
	}
	if located, ok := log.(eventlog.Located); ok {
		return f.resume(ctx, located)
	}
	f.next = f.at()
	return nil, nil //nolint:nilnil // neither a doubt nor an error
}

// resume goes back to the last event of the group if the log does not have the
// event any more up to which nothing else was: it may have been set back to
// between the two and have grown again.
func (f *folder) resume(ctx context.Context, log eventlog.Located) (doubt, err error) {
	on, ok, err := f.stand.Resume(ctx, log)
	if err != nil {
		return nil, err
	}
	if !ok {
		return domain.Errorf(domain.Conflict, "The log does not have the event at position %d up to which the view %s was computed: it was set back or replaced, or the event was removed from it.",
			f.stand.Event.Position, f.group.Name), nil
	}
	if on.Event.Position > 0 && on.Event.ID == (eventlog.EventID{}) { // of an older program; from now on it is known
		r, ok, err := log.At(ctx, on.Event.Position)
		if err != nil {
			return nil, err
		}
		if ok {
			on.Event = eventlog.MarkOf(r)
		}
	}
	if on.Position() != f.at() {
		return nil, f.write(ctx, on, Rows{})
	}
	f.stand, f.next = on, on.Position()
	return nil, nil //nolint:nilnil // neither a doubt nor an error
}
