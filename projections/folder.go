package projections

import (
	"context"
	"errors"
	"io"
	"iter"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// folder folds batches of events into one store. It is not for concurrent use.
type folder struct {
	group Group
	store Store
	unit  *unit
	at    eventlog.Position // where the store stands
	wrote func(Batch)       // told after each commit; nil for nobody
}

func newFolder(ctx context.Context, g Group, s Store) (*folder, error) {
	at, err := s.Position(ctx)
	if err != nil {
		return nil, err
	}
	return &folder{group: g, store: s, unit: newUnit(s), at: at}, nil
}

// apply folds events and writes rows and position in one transaction. Events
// at or below the position were applied before and are passed over. After an
// error the store stands where it stood. It returns the orders that changed.
func (f *folder) apply(ctx context.Context, events []event) ([]domain.OrderID, error) {
	for len(events) > 0 && events[0].Position <= f.at {
		events = events[1:]
	}
	if len(events) == 0 {
		return nil, nil
	}
	if err := f.fold(ctx, events); err != nil {
		f.unit = newUnit(f.store) // its rows are ahead of the store
		return nil, err
	}
	if err := f.write(ctx, events[len(events)-1].Position, f.unit.dirty()); err != nil {
		f.unit = newUnit(f.store)
		return nil, err
	}
	return f.unit.settle(), nil
}

func (f *folder) fold(ctx context.Context, events []event) error {
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

func (f *folder) write(ctx context.Context, to eventlog.Position, rows Rows) error {
	b := Batch{Above: f.at, To: to, Rows: rows}
	if err := f.store.Write(ctx, b); err != nil {
		return err
	}
	f.at = to
	if f.wrote != nil {
		f.wrote(b)
	}
	return nil
}

// replay brings a store that serves nobody to a position: every event of the
// group's up to and including it, and none after. Rows are written once they
// are at rest, so until it returns without an error they lag behind the
// position, and then the store is of no use. progress is told after each batch.
func (f *folder) replay(ctx context.Context, log Log, to eventlog.Position, progress func(at eventlog.Position, events int)) (events int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	q := newQueue(MaxRebuildBatchEvents)
	read := make(chan struct{})
	go func() {
		defer close(read)
		q.fill(ctx, until(log.ReadAll(ctx, f.at, f.group.Categories...), to))
	}()
	defer func() { cancel(); <-read }()
	for {
		batch, err := q.take(ctx, patience{})
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return events, err
		}
		if err := f.fold(ctx, batch); err != nil {
			return events, err
		}
		last := batch[len(batch)-1].Position
		if f.unit.unwritten() > MaxUnwrittenWeight {
			if err := f.write(ctx, last, f.unit.resting()); err != nil {
				return events, err
			}
		}
		events += len(batch)
		if progress != nil {
			progress(last, len(batch))
		}
	}
	if f.at < to || f.unit.unwritten() > 0 {
		if err := f.write(ctx, to, f.unit.dirty()); err != nil {
			return events, err
		}
		f.unit.settle()
	}
	return events, nil
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

// skip moves the position to the end of the log when none of the group's own
// events lies between; otherwise it does nothing.
func (f *folder) skip(ctx context.Context, log Log) error {
	end, err := log.End(ctx)
	if err != nil || end <= f.at {
		return err
	}
	for r, err := range log.ReadAll(ctx, f.at, f.group.Categories...) {
		if err != nil {
			return err
		}
		if r.Position <= end {
			return nil
		}
		break
	}
	return f.write(ctx, end, Rows{})
}
