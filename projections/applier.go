package projections

import (
	"context"
	"errors"
	"io"
	"iter"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/readmodels"
)

// applier folds batches of events into the rows of one store. It is not for concurrent
// use.
type applier struct {
	group      Group
	store      Store
	unit       *unit
	checkpoint eventlog.Checkpoint   // of the store
	next       eventlog.Position     // where the log is read on
	wrote      func(Batch)           // called after each commit; may be nil
	found      func(readmodels.Hole) // called after the commit of each new hole; may be nil
}

func newApplier(ctx context.Context, g Group, s Store) (*applier, error) {
	stand, err := s.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	return &applier{group: g, store: s, unit: newUnit(g, s), checkpoint: stand, next: stand.Event.Position}, nil
}

// at returns the position of the store.
func (a *applier) at() eventlog.Position { return a.checkpoint.Position() }

// apply folds events and writes rows and position in one transaction, and returns the
// orders that changed. It skips events at or below the position, which were applied
// before. After an error the store is unchanged.
func (a *applier) apply(ctx context.Context, events []event) ([]domain.OrderID, error) {
	for len(events) > 0 && events[0].Position <= a.at() {
		events = events[1:]
	}
	if len(events) == 0 {
		return nil, nil
	}
	if err := a.fold(ctx, events); err != nil {
		a.unit = newUnit(a.group, a.store) // its rows are ahead of the store
		return nil, err
	}
	if err := a.write(ctx, after(events), a.unit.dirty()); err != nil {
		a.unit = newUnit(a.group, a.store)
		return nil, err
	}
	return a.unit.markWritten(), nil
}

func (a *applier) fold(ctx context.Context, events []event) error {
	w := &wanted{keys: readmodels.Keys{}}
	for _, e := range events {
		for _, f := range a.unit.folds {
			f.keys(w, e)
		}
	}
	if err := a.unit.load(ctx, w.keys); err != nil {
		return err
	}
	for _, e := range events {
		if err := a.unit.fold(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// after is the checkpoint of a store to which events were applied.
func after(events []event) eventlog.Checkpoint {
	return eventlog.Checkpoint{Event: eventlog.MarkOf(events[len(events)-1].Recorded)}
}

func (a *applier) write(ctx context.Context, to eventlog.Checkpoint, rows readmodels.Rows) error {
	b := Batch{Above: a.at(), To: to, Rows: rows}
	if err := a.store.Write(ctx, b); err != nil {
		if domain.KindOf(err) == domain.Invalid { // Invalid from the log would mean another thing: a number that is no position
			return domain.Wrap(domain.Internal, err, "The store of the view %s refuses its rows", a.group.Name)
		}
		return err
	}
	a.checkpoint, a.next = to, to.Position()
	if a.wrote != nil {
		a.wrote(b)
	}
	for _, h := range a.unit.found {
		if a.found != nil {
			a.found(h)
		}
	}
	a.unit.found = nil
	return nil
}

// replay applies every event of the group up to and including a position to a store
// that does not serve readers. It writes rows late, so until it returns without an
// error they lag behind the position and the store must not be used. progress is
// called after each batch.
func (a *applier) replay(ctx context.Context, log Log, to eventlog.Position, progress func(at eventlog.Position, events int)) (events int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	q := newQueue(MaxRebuildBatchEvents)
	read := make(chan struct{})
	go func() {
		defer close(read)
		q.fill(ctx, until(log.ReadAll(ctx, a.next, a.group.Categories...), to))
	}()
	defer func() { cancel(); <-read }()
	reached := eventlog.Checkpoint{Event: a.checkpoint.Event}
	for {
		batch, _, err := q.next(ctx, waitPolicy{})
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return events, err
		}
		if err := a.fold(ctx, batch); err != nil {
			return events, err
		}
		reached = after(batch)
		if a.unit.unwritten > MaxUnwrittenWeight {
			if err := a.write(ctx, reached, a.unit.evictable()); err != nil {
				return events, err
			}
		}
		events += len(batch)
		if progress != nil {
			progress(reached.Position(), len(batch))
		}
	}
	return events, a.finish(ctx, log, reached, to)
}

// finish writes the remaining rows of a replay and the position that it reached.
func (a *applier) finish(ctx context.Context, log Log, reached eventlog.Checkpoint, to eventlog.Position) (err error) {
	if a.at() >= to && a.unit.unwritten == 0 {
		return nil
	}
	if to > reached.Position() {
		if reached.Passed, err = markAt(ctx, log, to); err != nil {
			return err
		}
	}
	if err := a.write(ctx, reached, a.unit.dirty()); err != nil {
		return err
	}
	a.unit.markWritten()
	if reached.Passed.ID == (eventlog.EventID{}) {
		a.next = reached.Event.Position // to need not be a position of this log
	}
	return nil
}

// until ends a sequence before the first event above a position.
func until(seq iter.Seq2[eventlog.Recorded, error], last eventlog.Position) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		for r, err := range seq {
			if err == nil && r.Position > last {
				return
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// skip moves the position over events of other groups: to the end of the log if no
// event of the group lies between. It reads only above the watermark of the
// subscription, and not at all before the subscription has caught up, so as not to
// read the same range twice.
func (a *applier) skip(ctx context.Context, log Log, passed eventlog.Watermark) (err error) {
	to := max(a.next, passed.Position)
	if passed.CaughtUp {
		if to, err = clearUpTo(ctx, log, to, a.group.Categories); err != nil {
			return err
		}
	}
	if to <= a.at() {
		return nil
	}
	mark, err := markAt(ctx, log, to)
	if err != nil {
		return err
	}
	return a.write(ctx, eventlog.Checkpoint{Event: a.checkpoint.Event, Passed: mark}, nil)
}

// clearUpTo returns the end of the log if no event of the categories lies
// between, and from otherwise.
func clearUpTo(ctx context.Context, log Log, from eventlog.Position, categories []string) (eventlog.Position, error) {
	end, err := log.End(ctx)
	if err != nil || end <= from {
		return from, err
	}
	for r, err := range log.ReadAll(ctx, from, categories...) {
		if err != nil {
			return from, err
		}
		if r.Position <= end {
			return from, nil
		}
		break
	}
	return end, nil
}
