package memory

import (
	"context"
	"iter"
	"sort"

	"orderflow/domain/eventlog"
)

// ReadBack implements eventlog.ReverseReader.
func (l *Log) ReadBack(ctx context.Context, s eventlog.Stream, below eventlog.Version) iter.Seq2[eventlog.Recorded, error] {
	l.mu.RLock()
	places := l.streams[s] // only ever appended to
	l.mu.RUnlock()
	places = places[:max(0, min(below-1, eventlog.Version(len(places))))]
	return l.reversed(ctx, len(places), func(i int) int { return places[i] })
}

// ReadAllBack implements eventlog.ReverseReader.
func (l *Log) ReadAllBack(ctx context.Context, below eventlog.Position) iter.Seq2[eventlog.Recorded, error] {
	l.mu.RLock()
	n := sort.Search(len(l.all), func(i int) bool { return l.all[i].Position >= below })
	l.mu.RUnlock()
	return l.reversed(ctx, n, func(i int) int { return i })
}

// reversed yields the events at n places, the last one first.
func (l *Log) reversed(ctx context.Context, n int, place func(int) int) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		for i := n - 1; i >= 0; i-- {
			if err := ctx.Err(); err != nil {
				yield(eventlog.Recorded{}, err)
				return
			}
			l.mu.RLock()
			r := l.all[place(i)]
			_, gone := l.gone[place(i)]
			l.mu.RUnlock()
			if !gone && !yield(r, nil) {
				return
			}
		}
	}
}

// Find implements eventlog.Finder.
func (l *Log) Find(_ context.Context, id eventlog.EventID) (eventlog.Recorded, bool, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	i, ok := l.ids[id]
	if _, gone := l.gone[i]; !ok || gone {
		return eventlog.Recorded{}, false, nil
	}
	return l.all[i], true, nil
}
