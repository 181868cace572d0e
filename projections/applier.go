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

// folder folds batches of events into one store. It is not for concurrent use.
type applier struct {
	group      Group
	store      Store
	unit       *unit
	checkpoint eventlog.Checkpoint   // of the store
	next       eventlog.Position     // where the log is read on
	wrote      func(Batch)           // told after each commit; nil for nobody
	found      func(readmodels.Hole) // told after the commit of each new hole; nil for nobody
}

func newApplier(ctx context.Context, g Group, s Store) (*applier, error) {
	stand, err := s.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	return &applier{group: g, store: s, unit: newUnit(s), checkpoint: stand, next: stand.Event.Position}, nil
}

// at is the position of the store.
func (f *applier) at() eventlog.Position { return f.checkpoint.Position() }

// apply folds events and writes rows and position in one transaction. Events
// at or below the position were applied before and are passed over. After an
// error the store stands where it stood. It returns the orders that changed.
func (f *applier) apply(ctx context.Context, events []event) ([]domain.OrderID, error) {
	for len(events) > 0 && events[0].Position <= f.at() {
		events = events[1:]
	}
	if len(events) == 0 {
		return nil, nil
	}
	if err := f.fold(ctx, events); err != nil {
		f.unit = newUnit(f.store) // its rows are ahead of the store
		return nil, err
	}
	if err := f.write(ctx, after(events), f.unit.dirty()); err != nil {
		f.unit = newUnit(f.store)
		return nil, err
	}
	return f.unit.markWritten(), nil
}

func (f *applier) fold(ctx context.Context, events []event) error {
	w := newWanted(f.unit)
	for _, e := range events {
		f.group.keys(w, e)
	}
	if err := f.unit.load(ctx, w.keys); err != nil {
		return err
	}
	for _, e := range events {
		if err := f.group.fold(ctx, f.unit, e); err != nil {
			return err
		}
	}
	return nil
}

// after is the checkpoint of a store to which events were applied.
func after(events []event) eventlog.Checkpoint {
	return eventlog.Checkpoint{Event: eventlog.MarkOf(events[len(events)-1].Recorded)}
}

func (f *applier) write(ctx context.Context, to eventlog.Checkpoint, rows Rows) error {
	b := Batch{Above: f.at(), To: to, Rows: rows}
	if err := f.store.Write(ctx, b); err != nil {
		if domain.KindOf(err) == domain.Invalid { // of the log it would mean that a position is none
			return domain.Wrap(domain.Internal, err, "The store of the view %s refuses its rows.", f.group.Name)
		}
		return err
	}
	f.checkpoint, f.next = to, to.Position()
	if f.wrote != nil {
		f.wrote(b)
	}
	for _, h := range f.unit.found {
		if f.found != nil {
			f.found(h)
		}
	}
	f.unit.found = nil
	return nil
}

// replay brings a store that serves nobody to a position: every event of the
// group's up to and including it, and none after. Rows are written once they
// are at rest, so until it returns without an error they lag behind the
// position, and then the store is of no use. progress is told after each batch.
func (f *applier) replay(ctx context.Context, log Log, to eventlog.Position, progress func(at eventlog.Position, events int)) (events int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	q := newQueue(MaxRebuildBatchEvents)
	read := make(chan struct{})
	go func() {
		defer close(read)
		q.fill(ctx, until(log.ReadAll(ctx, f.next, f.group.Categories...), to))
	}()
	defer func() { cancel(); <-read }()
	reached := eventlog.Checkpoint{Event: f.checkpoint.Event}
	for {
		batch, _, err := q.next(ctx, waitPolicy{})
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return events, err
		}
		if err := f.fold(ctx, batch); err != nil {
			return events, err
		}
		reached = after(batch)
		if f.unit.unwritten() > MaxUnwrittenWeight {
			if err := f.write(ctx, reached, f.unit.evictable()); err != nil {
				return events, err
			}
		}
		events += len(batch)
		if progress != nil {
			progress(reached.Position(), len(batch))
		}
	}
	return events, f.finish(ctx, log, reached, to)
}

// finish writes what a replay has left and notes that it came to a position.
func (f *applier) finish(ctx context.Context, log Log, reached eventlog.Checkpoint, to eventlog.Position) (err error) {
	if f.at() >= to && f.unit.unwritten() == 0 {
		return nil
	}
	if to > reached.Position() {
		if reached.Passed, err = markAt(ctx, log, to); err != nil {
			return err
		}
	}
	if err := f.write(ctx, reached, f.unit.dirty()); err != nil {
		return err
	}
	f.unit.markWritten()
	if reached.Passed.ID == (eventlog.EventID{}) {
		f.next = reached.Event.Position // to may be no position of this log
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

// skip moves the position over events of others: to the end of the log if none
// of the group's own events lies between. It looks for them only above what the
// subscription has passed; before that has caught up it does not look at all,
// because the subscription walks there by itself.
func (f *applier) skip(ctx context.Context, log Log, passed eventlog.Watermark) (err error) {
	to := max(f.next, passed.Position)
	if passed.CaughtUp {
		if to, err = clearUpTo(ctx, log, to, f.group.Categories); err != nil {
			return err
		}
	}
	if to <= f.at() {
		return nil
	}
	mark, err := markAt(ctx, log, to)
	if err != nil {
		return err
	}
	return f.write(ctx, eventlog.Checkpoint{Event: f.checkpoint.Event, Passed: mark}, Rows{})
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
