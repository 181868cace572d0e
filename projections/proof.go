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

// prove verifies that the store's rows were computed from this log, and sets the
// store's checkpoint to one from which the log can be read. doubt is the reason why
// they were not; then the view has to be rebuilt.
func (a *applier) prove(ctx context.Context, log Log) (doubt, err error) {
	doubt, on, err := a.doubt(ctx, log)
	if doubt != nil || err != nil {
		return doubt, err
	}
	if on.Position() != a.at() {
		return nil, a.write(ctx, on, nil)
	}
	a.checkpoint, a.next = on, on.Position()
	return nil, nil //nolint:nilnil // neither a doubt nor an error
}

// doubt returns why the rows were not computed from this log, or the checkpoint to
// read on from. That is the last event of the group if the log no longer has the event
// of Passed: the log may have been restored to a state between the two and have grown
// since.
func (a *applier) doubt(ctx context.Context, log Log) (doubt error, on eventlog.Checkpoint, err error) {
	end, err := log.End(ctx) // after the checkpoint, which another process may move
	if err != nil {
		return nil, on, err
	}
	at := a.checkpoint.Event.Position
	if at > end {
		return domain.Errorf(domain.Conflict, "The view %s is at position %d and the log ends at %d: the log was set back or replaced.", a.group.Name, at, end), on, nil
	}
	located, ok := log.(eventlog.PositionFinder)
	if !ok {
		return nil, a.checkpoint, nil
	}
	on, ok, err = a.checkpoint.Resume(ctx, located)
	switch {
	case err != nil:
		return nil, on, err
	case !ok:
		return domain.Errorf(domain.Conflict, "The log does not have the event at position %d up to which the view %s was computed: it was set back or replaced, or the event was removed from it.", at, a.group.Name), on, nil
	}
	if at > 0 && on.Event.ID == (eventlog.EventID{}) { // saved by an older version, without an id
		on.Event, err = markAt(ctx, log, at)
	}
	return nil, on, err
}

// Doubt returns why a group has to be rebuilt: the log no longer has the events that
// its serving rows were computed from. It is nil if it has them. A [Runner] detects
// this by itself and rebuilds the group.
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
