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

// ReadBack implements eventlog.Backwards.
func (l *Log) ReadBack(ctx context.Context, s eventlog.Stream, below eventlog.Version) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		at := below
		end, _ := l.tail.position()
		l.back(ctx, yield, func() ([]eventlog.Recorded, error) {
			chunk, err := l.streamBack(s, at, end)
			if len(chunk) > 0 {
				at = chunk[len(chunk)-1].Version
			}
			return chunk, err
		})
	}
}

// ReadAllBack implements eventlog.Backwards.
func (l *Log) ReadAllBack(ctx context.Context, below eventlog.Position) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		end, _ := l.tail.position()
		at := below
		if at > end {
			at = end + 1
		}
		l.back(ctx, yield, func() ([]eventlog.Recorded, error) {
			chunk, err := l.logBack(at)
			if len(chunk) > 0 {
				at = chunk[len(chunk)-1].Position
			}
			return chunk, err
		})
	}
}

// back yields chunk after chunk until there is an empty one; next runs while
// the database is kept open, and its error is the last thing.
func (l *Log) back(ctx context.Context, yield func(eventlog.Recorded, error) bool, next func() ([]eventlog.Recorded, error)) {
	for {
		var chunk []eventlog.Recorded
		err := ctx.Err()
		if err == nil {
			err = l.reading(func() (err error) { chunk, err = next(); return err })
		}
		for _, r := range chunk {
			if !yield(r, nil) {
				return
			}
		}
		if err != nil {
			yield(eventlog.Recorded{}, err)
		}
		if err != nil || len(chunk) == 0 {
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
	chunk, err := l.fetch(positions)
	for err == nil && len(chunk) < len(positions) { // it stopped at its bytes, before the newest
		positions = positions[len(positions)-len(chunk):]
		chunk, err = l.fetch(positions)
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
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: streamKey(s, 0), UpperBound: streamKey(s, max(below, 0))})
	if err != nil {
		return nil, unreadable(s, err)
	}
	defer func() { err = errors.Join(err, unreadable(s, errors.Join(it.Error(), it.Close()))) }()
	for ok := it.Last(); ok && len(positions) < backEvents; ok = it.Prev() {
		value, err := it.ValueAndErr()
		if err != nil || len(value) != positionBytes {
			return nil, domain.Wrap(domain.Internal, errors.Join(errIndex, err), "The events of %s cannot be read.", s)
		}
		if p := eventlog.Position(binary.BigEndian.Uint64(value)); p <= end {
			positions = append(positions, p)
		}
	}
	slices.Reverse(positions)
	return positions, nil
}

// logBack returns events below a position, the highest first.
func (l *Log) logBack(below eventlog.Position) (chunk []eventlog.Recorded, err error) {
	if below <= 1 {
		return nil, nil
	}
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: eventKey(1), UpperBound: eventKey(below)})
	if err != nil {
		return nil, broken(below-1, err)
	}
	want := below - 1
	defer func() { err = errors.Join(err, closed(it, want)) }()
	bytes := 0
	for ok := it.Last(); ok && len(chunk) < backEvents && bytes < chunkBytes; ok = it.Prev() {
		r, err := l.decodeAt(it, want)
		if err != nil {
			return chunk, err
		}
		chunk = append(chunk, r)
		bytes += len(r.Data)
		want--
	}
	if len(chunk) == 0 && it.Error() == nil {
		return nil, broken(want, errMissing)
	}
	return chunk, nil
}
