package pebblelog

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// putID adds an event to the index of ids.
func putID(batch *pebble.Batch, id eventlog.EventID, p eventlog.Position) {
	op := batch.SetDeferred(1+len(id), positionBytes)
	op.Key[0] = kindID
	copy(op.Key[1:], id[:])
	binary.BigEndian.PutUint64(op.Value, uint64(p))
	_ = op.Finish() // fails only on an indexed batch
}

// putIndexed notes how far the index reaches, in the batch that takes it there.
func putIndexed(batch *pebble.Batch, p eventlog.Position) {
	op := batch.SetDeferred(1, positionBytes)
	op.Key[0] = kindIndexed
	binary.BigEndian.PutUint64(op.Value, uint64(p))
	_ = op.Finish()
}

// indexIDs brings the index up to the end of a log that was appended to without it.
func (l *Log) indexIDs() error {
	if !l.opts.IndexIDs {
		return nil
	}
	at, err := l.position([]byte{kindIndexed})
	if err != nil {
		return err
	}
	for at < l.last {
		chunk, passed, err := l.logChunk(at, l.last)
		if err != nil {
			return err
		}
		batch := l.db.NewBatch()
		for i := range chunk {
			putID(batch, chunk[i].ID, chunk[i].Position)
		}
		putIndexed(batch, passed)
		if err := errors.Join(l.db.Apply(batch, pebble.NoSync), batch.Close()); err != nil {
			return err
		}
		at = passed
	}
	return nil
}

// position returns the position kept under a key, 0 if there is none.
func (l *Log) position(key []byte) (p eventlog.Position, err error) {
	value, closer, err := l.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if len(value) != positionBytes {
		return 0, errors.Join(errIndex, closer.Close())
	}
	p = eventlog.Position(binary.BigEndian.Uint64(value))
	return p, closer.Close()
}

// Find implements eventlog.Finder; without [Options.IndexIDs] it is Unavailable.
func (l *Log) Find(_ context.Context, id eventlog.EventID) (r eventlog.Recorded, ok bool, err error) {
	if !l.opts.IndexIDs {
		return r, false, domain.Errorf(domain.Unavailable, "The log keeps no index of ids.")
	}
	end, _ := l.tail.position()
	err = l.reading(func() error {
		p, found, err := l.find(idKey(id))
		if err != nil || !found || p > end { // above the end it is not on disk yet
			return err
		}
		chunk, _, err := l.fetch([]eventlog.Position{p})
		if err != nil || len(chunk) == 0 { // it was scavenged since the index was read
			return err
		}
		if r, ok = chunk[0], true; r.ID != id {
			return broken(p, errIndex)
		}
		return nil
	})
	return r, ok && err == nil, err
}

// find looks an id up; for one that is not there mostly the filters tell.
func (l *Log) find(key []byte) (p eventlog.Position, found bool, err error) {
	it, err := l.db.NewIter(&pebble.IterOptions{UseL6Filters: true})
	if err != nil {
		return 0, false, err
	}
	if it.SeekPrefixGE(key) {
		value, err := it.ValueAndErr()
		if err != nil || len(value) != positionBytes {
			return 0, false, errors.Join(errIndex, err, it.Close())
		}
		p, found = eventlog.Position(binary.BigEndian.Uint64(value)), true
	}
	return p, found, errors.Join(it.Error(), it.Close())
}
