package pebblelog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

var (
	errIndex   = errors.New("an index entry that does not fit what it points to")
	errMissing = errors.New("a record is missing")
)

// Read implements eventlog.Store.
func (l *Log) Read(ctx context.Context, s eventlog.Stream, above eventlog.Version) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		at := max(above, 0)
		for {
			if err := ctx.Err(); err != nil {
				yield(eventlog.Recorded{}, err)
				return
			}
			chunk, more, err := l.streamChunk(s, at)
			for _, r := range chunk {
				if !yield(r, nil) {
					return
				}
			}
			switch {
			case err != nil:
				yield(eventlog.Recorded{}, err)
				return
			case !more:
				return
			}
			at = chunk[len(chunk)-1].Version
		}
	}
}

// ReadAll implements eventlog.Store.
func (l *Log) ReadAll(ctx context.Context, above eventlog.Position, categories ...string) iter.Seq2[eventlog.Recorded, error] {
	return l.scan(ctx, above, nil, false, categories)
}

// Subscribe implements eventlog.Store.
func (l *Log) Subscribe(ctx context.Context, above eventlog.Position, categories ...string) iter.Seq2[eventlog.Recorded, error] {
	return l.scan(ctx, above, nil, true, categories)
}

// SubscribeWatermarked implements eventlog.Watermarked.
func (l *Log) SubscribeWatermarked(ctx context.Context, above eventlog.Position, passed func(eventlog.Watermark), categories ...string) iter.Seq2[eventlog.Recorded, error] {
	return l.scan(ctx, above, passed, true, categories)
}

// scan reads chunk by chunk, and at the end stops, or calls told, if it is not
// nil, and waits for more. Between chunks it holds nothing, so a slow caller
// delays no writer. Positions are dense, so every number up to the end is one.
func (l *Log) scan(ctx context.Context, above eventlog.Position, told func(eventlog.Watermark), follow bool, categories []string) iter.Seq2[eventlog.Recorded, error] {
	categories = slices.Compact(slices.Sorted(slices.Values(categories)))
	return func(yield func(eventlog.Recorded, error) bool) {
		for at := max(above, 0); ; {
			end, grown := l.tail.position() // before the chunk, so that no growth is missed
			chunk, passed, err := l.chunk(at, end, categories)
			for _, r := range chunk {
				if ctx.Err() != nil {
					break
				}
				if !yield(r, nil) {
					return
				}
			}
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(eventlog.Recorded{}, err)
				return
			}
			if at = passed; at < end {
				continue
			}
			if !follow {
				return
			}
			if told != nil {
				told(eventlog.Watermark{Position: end, CaughtUp: true})
			}
			select {
			case <-grown:
			case <-ctx.Done():
			case <-l.closing:
				yield(eventlog.Recorded{}, errClosed())
				return
			}
		}
	}
}

// chunk returns the next events above a position and up to end, and the
// position up to which nothing more is to be had: its last, or end.
func (l *Log) chunk(above, end eventlog.Position, categories []string) (chunk []eventlog.Recorded, passed eventlog.Position, err error) {
	if above >= end {
		return nil, above, nil
	}
	if recent, ok := l.tail.above(above); ok {
		passed = recent[len(recent)-1].Position
		if len(categories) > 0 {
			recent = slices.DeleteFunc(recent, func(r eventlog.Recorded) bool { return !slices.Contains(categories, r.Stream.Category()) })
		}
		return recent, passed, nil
	}
	err = l.reading(func() error {
		if len(categories) == 0 {
			chunk, passed, err = l.logChunk(above, end)
		} else {
			chunk, passed, err = l.categoryChunk(above, end, categories)
		}
		return err
	})
	return chunk, passed, err
}

// reading keeps the database open while f reads it.
func (l *Log) reading(f func() error) error {
	l.readers.RLock()
	defer l.readers.RUnlock()
	if l.closed {
		return errClosed()
	}
	return f()
}

// logChunk reads the log itself; positions have no holes here, so a missing
// record is noticed.
func (l *Log) logChunk(above, end eventlog.Position) (chunk []eventlog.Recorded, passed eventlog.Position, err error) {
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: eventKey(above + 1), UpperBound: eventKey(end + 1)})
	if err != nil {
		return nil, above, broken(above+1, err)
	}
	defer func() { err = errors.Join(err, closed(it, passed+1)) }()
	passed = above
	bytes := 0
	read := 0
	for ok := it.First(); ok && read < chunkEvents && bytes < chunkBytes; ok = it.Next() {
		r, err := l.decodeAt(it, passed+1)
		if err != nil && !errors.Is(err, errGone) {
			return chunk, passed, err
		}
		if err == nil {
			chunk = append(chunk, r)
			bytes += len(r.Data)
		}
		read++
		passed++
	}
	if passed < end && it.Error() == nil && !it.Valid() {
		return chunk, passed, broken(passed+1, errMissing)
	}
	return chunk, passed, nil
}

// decodeAt decodes the record at it; errGone says that its event was scavenged.
func (l *Log) decodeAt(it *pebble.Iterator, want eventlog.Position) (eventlog.Recorded, error) {
	if p, _ := lastNumber(it.Key()); eventlog.Position(p) != want {
		return eventlog.Recorded{}, broken(want, errMissing)
	}
	value, err := it.ValueAndErr()
	if err != nil {
		return eventlog.Recorded{}, broken(want, err)
	}
	r, err := decodeRecord(value, want)
	if err != nil && !errors.Is(err, errGone) {
		return eventlog.Recorded{}, broken(want, err)
	}
	return r, err
}

// categoryChunk merges the indexes of a few categories and then fetches what they point to.
func (l *Log) categoryChunk(above, end eventlog.Position, categories []string) ([]eventlog.Recorded, eventlog.Position, error) {
	positions, passed, err := l.inCategories(above, end, categories)
	if err != nil {
		return nil, above, err
	}
	chunk, read, err := l.fetch(positions)
	if err != nil || read < len(positions) {
		passed = above
		if read > 0 {
			passed = positions[read-1]
		}
	}
	return chunk, passed, err
}

// inCategories merges the positions in a few categories, at most a chunk of
// them, and says up to where that is all there is. A category that was cut off
// may hold more right behind its last position, so nothing beyond that counts.
func (l *Log) inCategories(above, end eventlog.Position, categories []string) (positions []eventlog.Position, passed eventlog.Position, err error) {
	passed = end
	for _, category := range categories {
		n := 0
		keys := &pebble.IterOptions{LowerBound: categoryKey(category, above+1), UpperBound: categoryKey(category, end+1)}
		err := l.index(keys, func(it *pebble.Iterator) (bool, error) {
			p, ok := lastNumber(it.Key())
			if !ok {
				return false, broken(above, errIndex)
			}
			at := eventlog.Position(p)
			positions = append(positions, at)
			if n++; n < chunkEvents {
				return at < passed, nil
			}
			passed = min(passed, at)
			return false, nil
		})
		if err != nil {
			return nil, above, err
		}
	}
	slices.Sort(positions)
	beyond, _ := slices.BinarySearch(positions, passed+1)
	positions = positions[:beyond]
	if len(positions) > chunkEvents {
		positions = positions[:chunkEvents]
		passed = positions[chunkEvents-1]
	}
	return positions, passed, nil
}

// streamChunk returns the next events of s above a version, and whether there may be more.
func (l *Log) streamChunk(s eventlog.Stream, above eventlog.Version) (chunk []eventlog.Recorded, more bool, err error) {
	end, _ := l.tail.position()
	err = l.reading(func() error {
		if none, err := l.nothingAbove(s, above); none || err != nil {
			return err
		}
		var positions []eventlog.Position
		next := above
		keys := &pebble.IterOptions{LowerBound: streamKey(s, above+1), UpperBound: streamKey(s, -1)}
		err := l.index(keys, func(it *pebble.Iterator) (bool, error) {
			next++
			v, ok := lastNumber(it.Key())
			if ok && eventlog.Version(v) > next {
				return false, l.scavengedBelow(s, above+1, eventlog.Version(v))
			}
			value, err := it.ValueAndErr()
			if !ok || err != nil || eventlog.Version(v) != next || len(value) != positionBytes {
				return false, domain.Wrap(domain.Internal, errors.Join(errIndex, err), "Version %d of %s cannot be read", next, s)
			}
			p := eventlog.Position(binary.BigEndian.Uint64(value))
			if p > end {
				return false, nil // not on disk yet
			}
			positions = append(positions, p)
			return len(positions) < chunkEvents, nil
		})
		if err != nil {
			return err
		}
		var read int
		chunk, read, err = l.fetch(positions)
		more = len(positions) == chunkEvents || read < len(positions)
		if len(chunk) < read { // the first entry stays; others may have been scavenged since the index was read
			found := above + eventlog.Version(read) + 1
			if len(chunk) > 0 {
				found = chunk[0].Version
			}
			chunk = nil
			return l.scavengedBelow(s, above+1, found)
		}
		for i, r := range chunk {
			if r.Stream != s || r.Version != above+eventlog.Version(i)+1 {
				chunk = chunk[:i]
				return broken(r.Position, errIndex)
			}
		}
		return err
	})
	return chunk, more, err
}

// index calls visit for the keys in a range until it returns false or an error.
func (l *Log) index(keys *pebble.IterOptions, visit func(*pebble.Iterator) (bool, error)) (err error) {
	it, err := l.db.NewIter(keys)
	if err != nil {
		return domain.Wrap(domain.Internal, err, "The log's index cannot be read")
	}
	defer func() { err = errors.Join(err, closed(it, 0)) }()
	for ok := it.First(); ok; ok = it.Next() {
		if more, err := visit(it); err != nil || !more {
			return err
		}
	}
	return nil
}

// fetch returns the events at rising positions, without those that were
// scavenged, until they make a chunk by their bytes; read is how many positions
// were looked at.
func (l *Log) fetch(positions []eventlog.Position) (chunk []eventlog.Recorded, read int, err error) {
	if len(positions) == 0 {
		return nil, 0, nil
	}
	it, err := l.db.NewIter(&pebble.IterOptions{
		LowerBound: eventKey(positions[0]), UpperBound: eventKey(positions[len(positions)-1] + 1),
	})
	if err != nil {
		return nil, 0, broken(positions[0], err)
	}
	defer func() { err = errors.Join(err, closed(it, positions[0])) }()
	chunk = make([]eventlog.Recorded, 0, len(positions))
	bytes := 0
	key := make([]byte, 0, eventKeyBytes)
	for _, p := range positions {
		if bytes >= chunkBytes {
			break
		}
		if key = appendEventKey(key[:0], p); !it.SeekGE(key) {
			return chunk, read, broken(p, errors.Join(errMissing, it.Error()))
		}
		r, err := l.decodeAt(it, p)
		if err != nil && !errors.Is(err, errGone) {
			return chunk, read, err
		}
		if err == nil {
			chunk = append(chunk, r)
			bytes += len(r.Data)
		}
		read++
	}
	return chunk, read, nil
}

// closed closes it and returns the error it met, if any, as one met at p.
func closed(it *pebble.Iterator, p eventlog.Position) error {
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return broken(p, err)
	}
	return nil
}

// broken returns where the log cannot be read. It is never passed over.
func broken(p eventlog.Position, err error) error {
	return domain.Wrap(domain.Internal, fmt.Errorf("pebblelog: %w", err), "The log is broken at position %d.", p)
}

// At implements eventlog.PositionFinder.
func (l *Log) At(_ context.Context, p eventlog.Position) (r eventlog.Recorded, ok bool, err error) {
	if end, _ := l.tail.position(); p <= 0 || p > end {
		return r, false, nil
	}
	err = l.reading(func() error {
		chunk, _, err := l.fetch([]eventlog.Position{p})
		if len(chunk) > 0 {
			r, ok = chunk[0], true
		}
		return err
	})
	return r, ok, err
}

// End implements eventlog.EndReader.
func (l *Log) End(context.Context) (eventlog.Position, error) {
	end, _ := l.tail.position()
	return end, nil
}
