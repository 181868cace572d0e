package projections

import (
	"context"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// markAt returns the mark of the event at a position; without an id if there is
// none, or if the log cannot tell.
func markAt(ctx context.Context, log Log, p eventlog.Position) (eventlog.Mark, error) {
	located, ok := log.(eventlog.PositionFinder)
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
func (f *applier) prove(ctx context.Context, log Log) (doubt, err error) {
	doubt, on, err := f.doubt(ctx, log)
	if doubt != nil || err != nil {
		return doubt, err
	}
	if on.Position() != f.at() {
		return nil, f.write(ctx, on, Rows{})
	}
	f.checkpoint, f.next = on, on.Position()
	return nil, nil //nolint:nilnil // neither a doubt nor an error
}

// doubt says why the rows are not about the log, or returns where they stand in
// it. That is the last event of the group if the log does not have the event any
// more up to which nothing else was: it may have been set back to between the
// two and have grown again.
func (f *applier) doubt(ctx context.Context, log Log) (doubt error, on eventlog.Checkpoint, err error) {
	end, err := log.End(ctx) // after the checkpoint, which another process may move
	if err != nil {
		return nil, on, err
	}
	at := f.checkpoint.Event.Position
	if at > end {
		return domain.Errorf(domain.Conflict, "The view %s is at position %d and the log ends at %d: the log was set back or replaced.", f.group.Name, at, end), on, nil
	}
	located, ok := log.(eventlog.PositionFinder)
	if !ok {
		return nil, f.checkpoint, nil
	}
	on, ok, err = f.checkpoint.Resume(ctx, located)
	switch {
	case err != nil:
		return nil, on, err
	case !ok:
		return domain.Errorf(domain.Conflict, "The log does not have the event at position %d up to which the view %s was computed: it was set back or replaced, or the event was removed from it.", at, f.group.Name), on, nil
	}
	if at > 0 && on.Event.ID == (eventlog.EventID{}) { // of an older program; from now on the id is known
		on.Event, err = markAt(ctx, log, at)
	}
	return nil, on, err
}

// Doubt says why the serving rows of a group have to be computed anew: what they
// were computed from is not in the log any more. It is nil if they have not. A
// [Runner] finds that out by itself and computes them anew.
func Doubt(ctx context.Context, log Log, views Views, g Group) (doubt, err error) {
	store, err := views.Live(ctx, g)
	if err != nil {
		return nil, err
	}
	f, err := newApplier(ctx, g, store)
	if err != nil {
		return nil, err
	}
	doubt, _, err = f.doubt(ctx, log)
	return doubt, err
}
