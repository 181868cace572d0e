package pebblelog

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// scavengeEvents bounds the events that one batch removes, so that appends wait
// for no more than a batch of their own size.
const scavengeEvents = 1_024

// RemoveBelow implements eventlog.Scavenging. What it removed stays removed
// after a crash: each batch is whole or not there, and the next call goes on.
// Calls wait for each other.
//
// An event is removed only when the checkpoint beside the database is beyond
// it, so that the checkpoint's own event is always there.
func (l *Log) RemoveBelow(ctx context.Context, s eventlog.Stream, below eventlog.Version) (removed int64, err error) {
	if err := l.writable(); err != nil {
		return 0, err
	}
	l.removing.Lock() // else the first version that is left could go back
	defer l.removing.Unlock()
	for moved := false; ; {
		if err := l.interrupted(ctx); err != nil {
			return removed, err
		}
		n, beyond := 0, false
		err := l.reading(func() (err error) {
			n, beyond, err = l.removeSome(s, below)
			return err
		})
		removed += int64(n)
		switch {
		case err != nil:
			return removed, err
		case beyond && !moved:
			moved = true
			if err := l.reading(l.writeCheckpoint); err != nil {
				return removed, domain.Wrap(domain.Unavailable, err, "The checkpoint of the log cannot be written now; events beyond it are not removed")
			}
		case n < scavengeEvents:
			return removed, nil
		}
	}
}

// removeSome removes the first events of s below a version, at most
// scavengeEvents of them; beyond says that it stopped at the checkpoint.
func (l *Log) removeSome(s eventlog.Stream, below eventlog.Version) (n int, beyond bool, err error) {
	limit := eventlog.Position(l.checkpointer.last.Load())
	head, err := l.storedHead(s, below)
	if err != nil {
		return 0, false, err
	}
	below = min(below, head) // the last event says where the stream goes on
	var versions []eventlog.Version
	var positions []eventlog.Position
	first, err := l.firstVersion(s)
	if err != nil {
		return 0, false, err
	}
	keys := &pebble.IterOptions{LowerBound: streamKey(s, first), UpperBound: streamKey(s, max(below, first))}
	err = l.index(keys, func(it *pebble.Iterator) (bool, error) {
		v, ok := lastNumber(it.Key())
		value, err := it.ValueAndErr()
		if !ok || err != nil || len(value) != positionBytes {
			return false, domain.Wrap(domain.Internal, errors.Join(errIndex, err), "The events of %s cannot be read", s)
		}
		p := eventlog.Position(binary.BigEndian.Uint64(value))
		if beyond = p >= limit; beyond {
			return false, nil
		}
		versions, positions = append(versions, eventlog.Version(v)), append(positions, p)
		return len(positions) < scavengeEvents, nil
	})
	if err != nil || len(positions) == 0 {
		return 0, beyond, err
	}
	batch := l.db.NewBatch()
	defer func() { err = errors.Join(err, batch.Close()) }()
	ids, err := l.removeRecords(batch, positions)
	if err != nil {
		return 0, false, err
	}
	if err := l.removeIDs(batch, ids, positions); err != nil {
		return 0, false, err
	}
	category := s.Category()
	for i, p := range positions {
		if versions[i] > 1 { // the first entry says that the stream exists; see firstEvents
			err = batch.Delete(streamKey(s, versions[i]), nil)
		}
		if err := errors.Join(err, batch.Delete(categoryKey(category, p), nil)); err != nil {
			return 0, false, err
		}
	}
	kept := binary.BigEndian.AppendUint64(nil, uint64(versions[len(versions)-1]+1))
	if err := batch.Set(goneKey(s), kept, nil); err != nil {
		return 0, false, err
	}
	last := positions[len(positions)-1]
	if err := batch.Set([]byte{kindOwed}, binary.BigEndian.AppendUint64(nil, uint64(last)), nil); err != nil {
		return 0, false, err
	}
	if l.hasFailed() {
		return 0, false, l.failure()
	}
	l.scavenged.Store(true) // before it can be seen
	if err := l.db.Apply(batch, pebble.Sync); err != nil {
		return 0, false, err
	}
	l.removals.Add(1) // after it, so that a GiveBack that began before does not count it as done
	l.tail.drop(last)
	return len(positions), beyond, nil
}

// removeRecords puts what is left of the events at rising positions, and
// returns their ids.
func (l *Log) removeRecords(batch *pebble.Batch, positions []eventlog.Position) (ids []eventlog.EventID, err error) {
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: eventKey(positions[0]), UpperBound: eventKey(positions[len(positions)-1] + 1)})
	if err != nil {
		return nil, broken(positions[0], err)
	}
	defer func() { err = errors.Join(err, closed(it, positions[0])) }()
	for _, p := range positions {
		if !it.SeekGE(eventKey(p)) {
			return nil, broken(p, errors.Join(errMissing, it.Error()))
		}
		r, err := l.decodeAt(it, p)
		if err != nil {
			return nil, broken(p, err)
		}
		ids = append(ids, r.ID)
		op := batch.SetDeferred(eventKeyBytes, headerBytes)
		appendEventKey(op.Key[:0], p)
		putGone(op.Value, p, r.At.UnixNano())
		if err := op.Finish(); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// removeIDs takes events out of the index of ids, unless a newer event has the
// id. It goes through the index in its own order: ids are random, and one block
// of the index holds several of a batch.
func (l *Log) removeIDs(batch *pebble.Batch, ids []eventlog.EventID, positions []eventlog.Position) (err error) {
	if !l.opts.IndexIDs {
		return nil
	}
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: []byte{kindID}, UpperBound: []byte{kindID + 1}})
	if err != nil {
		return domain.Wrap(domain.Internal, err, "The index of ids cannot be read")
	}
	defer func() { err = errors.Join(err, closed(it, positions[0])) }()
	order := make([]int, len(ids))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return bytes.Compare(ids[a][:], ids[b][:]) })
	for _, i := range order {
		key := idKey(ids[i])
		if !it.SeekPrefixGE(key) { // of removed entries it passes none
			continue
		}
		value, err := it.ValueAndErr()
		if err != nil || len(value) != positionBytes {
			return domain.Wrap(domain.Internal, errors.Join(errIndex, err), "The index of ids cannot be read")
		}
		if eventlog.Position(binary.BigEndian.Uint64(value)) == positions[i] {
			if err := batch.Delete(key, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// FirstVersion implements eventlog.Scavenging.
func (l *Log) FirstVersion(_ context.Context, s eventlog.Stream) (v eventlog.Version, err error) {
	if !l.scavenged.Load() {
		return 1, nil
	}
	err = l.reading(func() error {
		v, err = l.firstVersion(s)
		return err
	})
	return v, err
}

func (l *Log) firstVersion(s eventlog.Stream) (eventlog.Version, error) {
	v, err := l.position(goneKey(s)) // a number of the same form
	if err != nil {
		return 0, domain.Wrap(domain.Internal, err, "The first version of %s cannot be read", s)
	}
	return max(eventlog.Version(v), 1), nil
}

// wasScavenged reports whether events of s were removed.
func (l *Log) wasScavenged(s eventlog.Stream) (bool, error) {
	if !l.scavenged.Load() {
		return false, nil
	}
	first, err := l.firstVersion(s)
	return first > 1, err
}

// findScavenged looks, at the start, whether any stream was scavenged.
func (l *Log) findScavenged() error {
	return l.index(&pebble.IterOptions{LowerBound: []byte{kindGone}, UpperBound: []byte{kindGone + 1}}, func(*pebble.Iterator) (bool, error) {
		l.scavenged.Store(true)
		return false, nil
	})
}

// scavengedBelow says why the versions of s from missing up to found are not
// there: because they were scavenged, or because the index is damaged.
func (l *Log) scavengedBelow(s eventlog.Stream, missing, found eventlog.Version) error {
	first, err := l.firstVersion(s)
	if err != nil {
		return err
	}
	if first >= found {
		return eventlog.ErrIncomplete(s, missing, first)
	}
	return domain.Wrap(domain.Internal, errIndex, "Version %d of %s cannot be read", missing, s)
}

// GiveBack implements eventlog.Scavenging: it rewrites the tables without what
// was removed. Closing the log ends it.
func (l *Log) GiveBack(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-l.closing:
			cancel()
		case <-ended:
		}
	}()
	before := l.removals.Load()
	err := l.reading(func() error {
		if err := l.db.Compact(ctx, []byte{0}, []byte{0xff}, false); err != nil {
			return domain.Wrap(domain.Unavailable, err, "The space of what was removed is not given back yet")
		}
		return nil
	})
	if err != nil {
		return err
	}
	return l.recordRemovals(before)
}

// recordRemovals records that the space of all removals was reclaimed, unless
// more was removed since there were so many removals.
func (l *Log) recordRemovals(removals int64) error {
	l.removing.Lock()
	defer l.removing.Unlock()
	return l.reading(func() error {
		if owed, err := l.position([]byte{kindOwed}); err != nil || owed == 0 || l.removals.Load() != removals {
			return err
		}
		if l.hasFailed() {
			return l.failure()
		}
		return l.db.Delete([]byte{kindOwed}, pebble.Sync)
	})
}

// Owes implements eventlog.Owing; it is true after a crash too.
func (l *Log) Owes(context.Context) (owed bool, err error) {
	err = l.reading(func() error {
		p, err := l.position([]byte{kindOwed})
		if owed = p > 0; err != nil {
			return domain.Wrap(domain.Internal, err, "It cannot be read whether space of removed events is to be given back")
		}
		return nil
	})
	return owed, err
}

// Bytes implements eventlog.Scavenging: it is the size of all tables, the
// events of the moment included.
func (l *Log) Bytes(context.Context) (n int64, err error) {
	err = l.reading(func() error {
		if err := l.db.Flush(); err != nil {
			return domain.Wrap(domain.Unavailable, err, "The size of the log cannot be told")
		}
		total := l.db.Metrics().Total()
		n = total.TablesSize
		return nil
	})
	return n, err
}
