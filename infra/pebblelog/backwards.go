package pebblelog

import (
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// ReadBack implements eventlog.ReverseReader.
func (l *Log) ReadBack(ctx context.Context, s eventlog.Stream, below eventlog.Version) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		at := below
		end, _ := l.tail.position()
		l.back(ctx, yield, func() ([]eventlog.Recorded, bool, error) {
			chunk, err := l.streamBack(s, at, end)
			if len(chunk) > 0 {
				at = chunk[len(chunk)-1].Version
			}
			return chunk, len(chunk) > 0, err
		})
	}
}

// ReadAllBack implements eventlog.ReverseReader.
func (l *Log) ReadAllBack(ctx context.Context, below eventlog.Position) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		end, _ := l.tail.position()
		at := below
		if at > end {
			at = end + 1
		}
		l.back(ctx, yield, func() (chunk []eventlog.Recorded, more bool, err error) {
			chunk, at, err = l.logBack(at)
			return chunk, at > 1, err
		})
	}
}

// back yields chunk after chunk until next says that there are no more; next
// runs while the database is kept open, and its error is the last thing.
func (l *Log) back(ctx context.Context, yield func(eventlog.Recorded, error) bool, next func() (chunk []eventlog.Recorded, more bool, err error)) {
	for more := true; more; {
		var chunk []eventlog.Recorded
		err := ctx.Err()
		if err == nil {
			err = l.reading(func() (err error) { chunk, more, err = next(); return err })
		}
		for _, r := range chunk {
			if !yield(r, nil) {
				return
			}
		}
		if err != nil {
			yield(eventlog.Recorded{}, err)
			return
		}
	}
}

// backEvents is how many events a reader backwards takes at a time: mostly it
// wants the newest one.
const backEvents = 32

// streamBack returns events of s below a version that are on disk, the highest first.
func (l *Log) streamBack(s eventlog.Stream, below eventlog.Version, end eventlog.Position) ([]eventlog.Recorded, error) {
	positions, err := l.positionsBack(s, below, end)
	if err != nil {
		return nil, err
	}
	chunk, read, err := l.fetch(positions)
	for err == nil && read < len(positions) { // it stopped at its bytes, before the newest
		positions = positions[len(positions)-max(read, 1):]
		chunk, read, err = l.fetch(positions)
	}
	if err != nil {
		return nil, err
	}
	for _, r := range chunk {
		if r.Stream != s {
			return nil, broken(r.Position, errIndex)
		}
	}
	slices.Reverse(chunk)
	return chunk, nil
}

// positionsBack returns where the last events of s below a version are, rising.
func (l *Log) positionsBack(s eventlog.Stream, below eventlog.Version, end eventlog.Position) (positions []eventlog.Position, err error) {
	first := eventlog.Version(1) // what was removed below is not passed, one by one, to find that there is nothing
	if l.scavenged.Load() {
		if first, err = l.firstVersion(s); err != nil {
			return nil, err
		}
	}
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: streamKey(s, first), UpperBound: streamKey(s, max(below, first))})
	if err != nil {
		return nil, unreadable(s, err)
	}
	defer func() { err = errors.Join(err, unreadable(s, errors.Join(it.Error(), it.Close()))) }()
	for ok := it.Last(); ok && len(positions) < backEvents; ok = it.Prev() {
		value, err := it.ValueAndErr()
		if err != nil || len(value) != positionBytes {
			return nil, domain.Wrap(domain.Internal, errors.Join(errIndex, err), "The events of %s cannot be read", s)
		}
		if p := eventlog.Position(binary.BigEndian.Uint64(value)); p <= end {
			positions = append(positions, p)
		}
	}
	slices.Reverse(positions)
	return positions, nil
}

// logBack returns events below a position, the highest first, and the position
// below which it did not look; 1 if that is all.
func (l *Log) logBack(below eventlog.Position) (chunk []eventlog.Recorded, at eventlog.Position, err error) {
	if below <= 1 {
		return nil, 1, nil
	}
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: eventKey(1), UpperBound: eventKey(below)})
	if err != nil {
		return nil, below, broken(below-1, err)
	}
	at = below
	defer func() { err = errors.Join(err, closed(it, at-1)) }()
	bytes := 0
	for ok := it.Last(); ok && len(chunk) < backEvents && below-at < chunkEvents && bytes < chunkBytes; ok = it.Prev() {
		r, err := l.decodeAt(it, at-1)
		if err != nil && !errors.Is(err, errGone) {
			return chunk, at, err
		}
		if err == nil {
			chunk = append(chunk, r)
			bytes += len(r.Data)
		}
		at--
	}
	if at == below && it.Error() == nil {
		return nil, at, broken(at-1, errMissing)
	}
	return chunk, at, nil
}
