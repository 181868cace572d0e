// Package memory implements the ports of the system in memory: the fakes of
// every test, and the caches and limiters of a node that runs alone.
package memory

import (
	"context"
	"iter"
	"slices"
	"sort"
	"sync"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// chunkEvents is how many events a reader takes under the lock at a time, so
// that it holds back no writer while its caller works.
const chunkEvents = 256

// Log is an eventlog.Store in memory, with every capability that a store may
// have. Nothing survives the process. It is safe for concurrent use.
type Log struct {
	clock func() time.Time

	mu         sync.RWMutex
	all        []eventlog.Recorded // the event at position p is all[p-1]
	streams    map[eventlog.Stream][]eventlog.Position
	categories map[string][]eventlog.Position
	ids        map[eventlog.EventID]eventlog.Position // of the newest event under each id
	snapshots  map[eventlog.Stream]snapshot
	grown      chan struct{} // closed and replaced at every append
}

// New returns an empty log that stamps events with the time of the machine.
func New() *Log { return NewAt(time.Now) }

// NewAt returns an empty log that asks clock for the time of each append.
func NewAt(clock func() time.Time) *Log {
	return &Log{
		clock:      clock,
		streams:    map[eventlog.Stream][]eventlog.Position{},
		categories: map[string][]eventlog.Position{},
		ids:        map[eventlog.EventID]eventlog.Position{},
		snapshots:  map[eventlog.Stream]snapshot{},
		grown:      make(chan struct{}),
	}
}

// Append implements eventlog.Store.
func (l *Log) Append(ctx context.Context, s eventlog.Stream, version eventlog.Version, events ...eventlog.Pending) (eventlog.Appended, error) {
	answers, err := l.AppendTogether(ctx, eventlog.Write{Stream: s, Version: version, Events: events})
	if err != nil {
		return eventlog.Appended{}, err
	}
	return answers[0], nil
}

// AppendTogether implements eventlog.Together.
func (l *Log) AppendTogether(ctx context.Context, writes ...eventlog.Write) ([]eventlog.Appended, error) {
	if err := eventlog.CheckTogether(writes); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, domain.Wrap(domain.Unavailable, err, "The append was given up before it began.")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	fresh := 0
	for _, w := range writes {
		if eventlog.Version(len(l.streams[w.Stream])) == w.Version {
			fresh++
		}
	}
	answers := make([]eventlog.Appended, len(writes))
	for i, w := range writes {
		switch {
		case fresh == 0: // all are repeats, or the append is refused
			var err error
			if answers[i], err = l.repeated(w); err != nil {
				return nil, err
			}
		case fresh < len(writes):
			if have := eventlog.Version(len(l.streams[w.Stream])); have != w.Version {
				return nil, eventlog.ErrConflict(w.Stream, w.Version, have)
			}
		}
	}
	if fresh == 0 {
		return answers, nil
	}
	at := l.clock().UTC()
	for i, w := range writes {
		answers[i] = l.add(w, at)
	}
	close(l.grown)
	l.grown = make(chan struct{})
	return answers, nil
}

// add stores the events of one write, whose stream is at its version.
func (l *Log) add(w eventlog.Write, at time.Time) eventlog.Appended {
	stream, category := l.streams[w.Stream], w.Stream.Category()
	for i, e := range w.Events {
		position := eventlog.Position(len(l.all) + 1)
		l.all = append(l.all, eventlog.Recorded{
			ID: e.ID, Stream: w.Stream, Version: w.Version + eventlog.Version(i) + 1, Position: position,
			Type: e.Type, Data: slices.Clone(e.Data), Meta: e.Meta, At: at,
		})
		stream = append(stream, position)
		l.categories[category] = append(l.categories[category], position)
		l.ids[e.ID] = position
	}
	l.streams[w.Stream] = stream
	return eventlog.Appended{Version: eventlog.Version(len(stream)), Position: stream[len(stream)-1]}
}

// repeated answers a write that is not at the stream's end: as it was answered
// before, if these very events are there, and with Conflict otherwise.
func (l *Log) repeated(w eventlog.Write) (eventlog.Appended, error) {
	stream := l.streams[w.Stream]
	have, last := eventlog.Version(len(stream)), w.Version+eventlog.Version(len(w.Events))
	if last > have {
		return eventlog.Appended{}, eventlog.ErrConflict(w.Stream, w.Version, have)
	}
	for i, e := range w.Events {
		if l.all[stream[int(w.Version)+i]-1].ID != e.ID {
			return eventlog.Appended{}, eventlog.ErrConflict(w.Stream, w.Version, have)
		}
	}
	return eventlog.Appended{Version: last, Position: stream[last-1]}, nil
}

// Read implements eventlog.Store.
func (l *Log) Read(ctx context.Context, s eventlog.Stream, above eventlog.Version) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		next := int(max(above, 0))
		for {
			if err := ctx.Err(); err != nil {
				yield(eventlog.Recorded{}, err)
				return
			}
			chunk := l.streamChunk(s, next)
			for _, r := range chunk {
				if !yield(r, nil) {
					return
				}
			}
			if len(chunk) < chunkEvents {
				return
			}
			next += len(chunk)
		}
	}
}

func (l *Log) streamChunk(s eventlog.Stream, next int) []eventlog.Recorded {
	l.mu.RLock()
	defer l.mu.RUnlock()
	positions := l.streams[s]
	positions = positions[min(next, len(positions)):]
	return l.recorded(positions[:min(len(positions), chunkEvents)])
}

func (l *Log) recorded(positions []eventlog.Position) []eventlog.Recorded {
	chunk := make([]eventlog.Recorded, len(positions))
	for i, p := range positions {
		chunk[i] = l.all[p-1]
	}
	return chunk
}

// ReadAll implements eventlog.Store.
func (l *Log) ReadAll(ctx context.Context, above eventlog.Position, categories ...string) iter.Seq2[eventlog.Recorded, error] {
	return l.scan(ctx, above, false, categories)
}

// Subscribe implements eventlog.Store.
func (l *Log) Subscribe(ctx context.Context, above eventlog.Position, categories ...string) iter.Seq2[eventlog.Recorded, error] {
	return l.scan(ctx, above, true, categories)
}

func (l *Log) scan(ctx context.Context, above eventlog.Position, follow bool, categories []string) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		for at := max(above, 0); ; {
			if err := ctx.Err(); err != nil {
				yield(eventlog.Recorded{}, err)
				return
			}
			chunk, passed, grown := l.chunk(at, categories)
			for _, r := range chunk {
				if err := ctx.Err(); err != nil {
					yield(eventlog.Recorded{}, err)
					return
				}
				if !yield(r, nil) {
					return
				}
			}
			switch {
			case grown == nil:
			case !follow:
				return
			default:
				select {
				case <-grown:
				case <-ctx.Done():
				}
			}
			at = passed
		}
	}
}

// chunk returns the next events above a position and the position they reach;
// grown is not nil if that is the end, and is closed when there is more.
func (l *Log) chunk(above eventlog.Position, categories []string) (chunk []eventlog.Recorded, passed eventlog.Position, grown <-chan struct{}) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	end := eventlog.Position(len(l.all))
	if len(categories) == 0 {
		from := min(above, end)
		to := min(from+chunkEvents, end)
		chunk = slices.Clone(l.all[from:to])
		if to == end {
			grown = l.grown
		}
		return chunk, max(above, to), grown
	}
	positions := l.inCategories(above, categories)
	if len(positions) < chunkEvents {
		return l.recorded(positions), max(above, end), l.grown
	}
	return l.recorded(positions), positions[len(positions)-1], nil
}

// inCategories merges the positions above one of the given categories, at most a chunk.
func (l *Log) inCategories(above eventlog.Position, categories []string) []eventlog.Position {
	var merged []eventlog.Position
	for _, c := range slices.Compact(slices.Sorted(slices.Values(categories))) {
		positions := l.categories[c]
		from := sort.Search(len(positions), func(i int) bool { return positions[i] > above })
		merged = append(merged, positions[from:min(from+chunkEvents, len(positions))]...)
	}
	slices.Sort(merged)
	return merged[:min(len(merged), chunkEvents)]
}

// End implements eventlog.Ended.
func (l *Log) End(context.Context) (eventlog.Position, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return eventlog.Position(len(l.all)), nil
}
