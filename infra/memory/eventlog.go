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
	"orderflow/internal/broadcast"
)

// chunkEvents is how many events a reader takes under the lock at a time, so
// that it holds back no writer while its caller works.
const chunkEvents = 256

// Log is an eventlog.Store in memory, with every capability that a store may
// have. Its positions have irregular gaps, as those of an EventStoreDB do, and
// it refuses every other number. Nothing survives the process. It is safe for
// concurrent use.
type Log struct {
	clock func() time.Time
	gap   func(i int) eventlog.Position // between the events i-1 and i
	names eventlog.NameBytes

	mu         sync.RWMutex
	all        []eventlog.Recorded       // in the order of their positions
	gone       map[int]struct{}          // places in all whose events were scavenged
	streams    map[eventlog.Stream][]int // places in all
	categories map[string][]int
	ids        map[eventlog.EventID]int // of the newest event under each id
	snapshots  map[eventlog.Stream]snapshot
	grown      broadcast.Signal // sent at every append
}

// New returns an empty log that stamps events with the time of the machine.
func New() *Log { return NewAt(time.Now) }

// NewAt returns an empty log that asks clock for the time of each append.
func NewAt(clock func() time.Time) *Log {
	return &Log{
		clock: clock, gap: irregular, names: eventlog.ShortNames,
		gone:       map[int]struct{}{},
		streams:    map[eventlog.Stream][]int{},
		categories: map[string][]int{},
		ids:        map[eventlog.EventID]int{},
		snapshots:  map[eventlog.Stream]snapshot{},
	}
}

// NewDense returns an empty log whose positions are 1, 2, 3 and so on, as those
// of the embedded log are, and that takes long names. An EventStoreDB node keeps
// its events in such a log.
func NewDense() *Log { return NewDenseAt(time.Now) }

// NewDenseAt is [NewDense] with the clock of [NewAt].
func NewDenseAt(clock func() time.Time) *Log {
	l := NewAt(clock)
	l.gap, l.names = func(int) eventlog.Position { return 1 }, eventlog.LongNames
	return l
}

// irregular spreads positions as a server does whose positions are byte offsets:
// a few hundred apart, never evenly.
func irregular(i int) eventlog.Position {
	const least, spread = 90, 700
	return least + eventlog.Position(uint64(i)*0x9E3779B97F4A7C15>>32%spread) //nolint:gosec // a hash below spread
}

// place returns where the first event above p is in all. It refuses a number
// that is not a position.
func (l *Log) place(p eventlog.Position) (int, error) {
	i := sort.Search(len(l.all), func(i int) bool { return l.all[i].Position > p })
	if p <= 0 || i == len(l.all) || i > 0 && l.all[i-1].Position == p {
		return i, nil
	}
	return 0, domain.Errorf(domain.Invalid, "%d is not a position of the log.", p)
}

// At implements eventlog.PositionFinder.
func (l *Log) At(_ context.Context, p eventlog.Position) (eventlog.Recorded, bool, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	i := sort.Search(len(l.all), func(i int) bool { return l.all[i].Position >= p })
	if i == len(l.all) || l.all[i].Position != p {
		return eventlog.Recorded{}, false, nil
	}
	if _, gone := l.gone[i]; gone {
		return eventlog.Recorded{}, false, nil
	}
	return l.all[i], true, nil
}

// Scavenge removes the events of s below a version, as an EventStoreDB does after
// the stream was truncated. Their positions stay positions.
func (l *Log) Scavenge(s eventlog.Stream, below eventlog.Version) {
	l.mu.Lock()
	defer l.mu.Unlock()
	places := l.streams[s]
	for _, i := range places[:min(max(int(below)-1, 0), len(places))] {
		l.gone[i] = struct{}{}
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

// AppendTogether implements eventlog.MultiAppender.
func (l *Log) AppendTogether(ctx context.Context, writes ...eventlog.Write) ([]eventlog.Appended, error) {
	if err := l.names.CheckTogether(writes); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, domain.Wrap(domain.Unavailable, err, "The append was given up before it began")
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
	l.grown.Send()
	return answers, nil
}

// add stores the events of one write, whose stream is at its version.
func (l *Log) add(w eventlog.Write, at time.Time) eventlog.Appended {
	stream, category := l.streams[w.Stream], w.Stream.Category()
	for i, e := range w.Events {
		place := len(l.all)
		l.all = append(l.all, eventlog.Recorded{
			ID: e.ID, Stream: w.Stream, Version: w.Version + eventlog.Version(i) + 1, Position: l.end() + l.gap(place),
			Type: e.Type, Data: slices.Clone(e.Data), Meta: e.Meta, At: e.Meta.FirstRecorded(at),
		})
		stream = append(stream, place)
		l.categories[category] = append(l.categories[category], place)
		l.ids[e.ID] = place
	}
	l.streams[w.Stream] = stream
	return eventlog.Appended{Version: eventlog.Version(len(stream)), Position: l.end()}
}

// end returns the position of the last event, 0 if there is none.
func (l *Log) end() eventlog.Position {
	if len(l.all) == 0 {
		return 0
	}
	return l.all[len(l.all)-1].Position
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
		if l.all[stream[int(w.Version)+i]].ID != e.ID {
			return eventlog.Appended{}, eventlog.ErrConflict(w.Stream, w.Version, have)
		}
	}
	return eventlog.Appended{Version: last, Position: l.all[stream[last-1]].Position}, nil
}

// Read implements eventlog.Store.
func (l *Log) Read(ctx context.Context, s eventlog.Stream, above eventlog.Version) iter.Seq2[eventlog.Recorded, error] {
	return eventlog.Whole(s, above, func(yield func(eventlog.Recorded, error) bool) {
		next := int(max(above, 0))
		for {
			if err := ctx.Err(); err != nil {
				yield(eventlog.Recorded{}, err)
				return
			}
			chunk, read := l.streamChunk(s, next)
			for _, r := range chunk {
				if !yield(r, nil) {
					return
				}
			}
			if read > 0 && len(chunk) == 0 {
				yield(eventlog.Recorded{}, eventlog.ErrIncomplete(s, eventlog.Version(next)+1, 0))
				return
			}
			if read < chunkEvents {
				return
			}
			next += read
		}
	})
}

// streamChunk returns the next events of s that are there, and how many there were.
func (l *Log) streamChunk(s eventlog.Stream, next int) (chunk []eventlog.Recorded, read int) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	places := l.streams[s]
	places = places[min(next, len(places)):]
	places = places[:min(len(places), chunkEvents)]
	return l.recorded(places), len(places)
}

// recorded returns the events at places, without those that are gone.
func (l *Log) recorded(places []int) (chunk []eventlog.Recorded) {
	for _, i := range places {
		if _, gone := l.gone[i]; !gone {
			chunk = append(chunk, l.all[i])
		}
	}
	return chunk
}

// ReadAll implements eventlog.Store.
func (l *Log) ReadAll(ctx context.Context, above eventlog.Position, categories ...string) iter.Seq2[eventlog.Recorded, error] {
	return l.scan(ctx, scan{above: above, categories: categories})
}

// Subscribe implements eventlog.Store.
func (l *Log) Subscribe(ctx context.Context, above eventlog.Position, categories ...string) iter.Seq2[eventlog.Recorded, error] {
	return l.scan(ctx, scan{above: above, categories: categories, follow: true})
}

// SubscribeWatermarked implements eventlog.Watermarked.
func (l *Log) SubscribeWatermarked(ctx context.Context, above eventlog.Position, passed func(eventlog.Watermark), categories ...string) iter.Seq2[eventlog.Recorded, error] {
	return l.scan(ctx, scan{above: above, categories: categories, follow: true, passed: passed})
}

// scan says what to read of the whole log.
type scan struct {
	above      eventlog.Position
	categories []string
	follow     bool                     // wait at the end
	passed     func(eventlog.Watermark) // may be nil
}

func (l *Log) scan(ctx context.Context, s scan) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		for at := max(s.above, 0); ; {
			if err := ctx.Err(); err != nil {
				yield(eventlog.Recorded{}, err)
				return
			}
			chunk, passed, end, grown, err := l.chunk(at, s.categories)
			if err != nil {
				yield(eventlog.Recorded{}, err)
				return
			}
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
			case !s.follow:
				return
			default:
				if s.passed != nil {
					s.passed(eventlog.Watermark{Position: end, CaughtUp: true})
				}
				select {
				case <-grown:
				case <-ctx.Done():
				}
			}
			at = passed
		}
	}
}

// chunk returns the next events above a position, the position they reach, and
// the end of the log; grown is not nil if that is reached, and is closed when
// there is more.
func (l *Log) chunk(above eventlog.Position, categories []string) (chunk []eventlog.Recorded, passed, end eventlog.Position, grown <-chan struct{}, err error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	from, err := l.place(above)
	if err != nil {
		return nil, 0, 0, nil, err
	}
	places, end := l.places(from, categories), l.end()
	chunk = l.recorded(places)
	if len(places) < chunkEvents {
		return chunk, max(above, end), end, l.grown.Wait(), nil
	}
	return chunk, l.all[places[len(places)-1]].Position, end, nil, nil
}

// places lists what comes from a place on, of the given categories if there are any, at most a chunk.
func (l *Log) places(from int, categories []string) (list []int) {
	if len(categories) == 0 {
		for i := from; i < min(from+chunkEvents, len(l.all)); i++ {
			list = append(list, i)
		}
		return list
	}
	for _, c := range slices.Compact(slices.Sorted(slices.Values(categories))) {
		places := l.categories[c]
		first := sort.SearchInts(places, from)
		list = append(list, places[first:min(first+chunkEvents, len(places))]...)
	}
	slices.Sort(list)
	return list[:min(len(list), chunkEvents)]
}

// End implements eventlog.EndReader.
func (l *Log) End(context.Context) (eventlog.Position, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.end(), nil
}
