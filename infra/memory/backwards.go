package memory

import (
	"context"
	"iter"

	"orderflow/domain/eventlog"
)

// ReadBack implements eventlog.Backwards.
func (l *Log) ReadBack(ctx context.Context, s eventlog.Stream, below eventlog.Version) iter.Seq2[eventlog.Recorded, error] {
	l.mu.RLock()
	positions := l.streams[s] // only ever appended to
	l.mu.RUnlock()
	positions = positions[:max(0, min(below-1, eventlog.Version(len(positions))))]
	return l.back(ctx, len(positions), func(i int) eventlog.Position { return positions[i] })
}

// ReadAllBack implements eventlog.Backwards.
func (l *Log) ReadAllBack(ctx context.Context, below eventlog.Position) iter.Seq2[eventlog.Recorded, error] {
	l.mu.RLock()
	end := eventlog.Position(len(l.all))
	l.mu.RUnlock()
	return l.back(ctx, int(max(0, min(below-1, end))), func(i int) eventlog.Position { return eventlog.Position(i + 1) })
}

// back yields the events at n positions, the last one first.
func (l *Log) back(ctx context.Context, n int, position func(int) eventlog.Position) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		for i := n - 1; i >= 0; i-- {
			if err := ctx.Err(); err != nil {
				yield(eventlog.Recorded{}, err)
				return
			}
			l.mu.RLock()
			r := l.all[position(i)-1]
			l.mu.RUnlock()
			if !yield(r, nil) {
				return
			}
		}
	}
}

// Find implements eventlog.Finder.
func (l *Log) Find(_ context.Context, id eventlog.EventID) (eventlog.Recorded, bool, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	p, ok := l.ids[id]
	if !ok {
		return eventlog.Recorded{}, false, nil
	}
	return l.all[p-1], true, nil
}
