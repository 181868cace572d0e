package pebblelog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/domain/eventlog"
	"orderflow/infra/pebblelog/scrub"
	"orderflow/internal/pause"
)

// newScrub returns a scrub of the tables in the given order.
func (l *Log) newScrub(tables []scrub.Table) *scrub.Scrub {
	return scrub.New(l.opts.FS, l.files.path(dbName), l.readerOptions(), l.isLive, tables)
}

// readerOptions returns the database's options for reading one table.
func (l *Log) readerOptions() sstable.ReaderOptions {
	opts := databaseOptions(l.opts, l.opts.FS)
	opts.EnsureDefaults()
	return opts.MakeReaderOptions()
}

// isLive reports whether the database still reads a table. A table that is gone
// was read whole, and found whole, by the compaction that replaced it.
func (l *Log) isLive(t scrub.Table) (live bool, err error) {
	err = l.reading(func() error {
		levels, err := scrub.LiveTables(l.db, describeKeys)
		live = slices.ContainsFunc(scrub.NewestFirst(levels), func(o scrub.Table) bool { return o.Name == t.Name })
		return err
	})
	return live, err
}

// verifyTables verifies at the start the table that was found broken before, then
// the newest tables up to a bound of bytes. [Log.verifyRest] verifies the rest.
func (l *Log) verifyTables() error {
	levels, err := scrub.LiveTables(l.db, describeKeys)
	if err != nil {
		return err
	}
	l.levels.Store(&levels)
	suspect, err := l.suspect()
	if err != nil {
		return err
	}
	tables, limit := scrub.NewestFirst(levels), l.opts.verifiedAtStart
	if i := slices.IndexFunc(tables, func(t scrub.Table) bool { return t.Name == suspect }); i >= 0 {
		limit = max(limit, tables[i].Bytes)
		tables = slices.Insert(slices.Delete(slices.Clone(tables), i, i+1), 0, tables[i])
	}
	l.scrub = l.newScrub(tables)
	if err := l.scrub.UpTo(limit); err != nil {
		l.scrub.Close()
		if d, ok := errors.AsType[*scrub.DamageError](err); ok {
			l.damaged(d)
		}
		return err
	}
	if suspect != "" {
		return l.clearDamage()
	}
	return nil
}

// verifyRest verifies the remaining tables in the background, at a limited rate.
func (l *Log) verifyRest() {
	defer close(l.verified)
	defer l.scrub.Close()
	begun := time.Now()
	var buffer []byte
	for !l.hasFailed() {
		sp, ok, err := l.scrub.Next(l.scrub.Given() + 1)
		if d, broken := errors.AsType[*scrub.DamageError](err); broken {
			l.damaged(d)
			return
		}
		if err != nil {
			l.opts.Logger.Warn("the tables of the event log cannot be verified", "error", scrub.OneLine(err.Error()))
			return
		}
		if !ok {
			c := l.scrub.Totals()
			l.opts.Logger.Debug("the event log is verified", "tables", c.Tables, "bytes", c.Bytes, "after_start", time.Since(begun).String())
			l.opts.Hooks.Verified(c.Tables, c.Bytes)
			return
		}
		buffer = sp.Check(buffer, l.damaged)
		if !pause.Or(time.Duration(sp.Bytes)*time.Second/time.Duration(l.opts.verifyPerSecond), l.failed, l.closing) {
			return
		}
	}
}

// verifyContinuity finds events that are missing in the middle, as when the
// database lost the knowledge of a table and not of what came after it: the
// event after the last one of every level must be there, and the first.
func (l *Log) verifyContinuity() error {
	if l.last == 0 {
		return nil
	}
	levels, err := scrub.LiveTables(l.db, describeKeys)
	if err != nil {
		return err
	}
	ends := []eventlog.Position{0}
	for level, tables := range levels {
		tables = slices.DeleteFunc(slices.Clone(tables), func(t scrub.Table) bool {
			return string(t.Last) < string(eventKey(0)) || string(t.First) >= string(eventKey(-1))
		})
		if level > 0 && len(tables) > 1 { // they follow one another
			tables = tables[len(tables)-1:]
		}
		for _, t := range tables {
			p, err := l.lastIn(t)
			if err != nil {
				return err
			}
			ends = append(ends, p)
		}
	}
	for _, p := range ends {
		if p >= l.last {
			continue
		}
		_, closer, err := l.db.Get(eventKey(p + 1))
		if errors.Is(err, pebble.ErrNotFound) {
			return &scrub.DamageError{Reason: fmt.Errorf("the log ends at position %d, but the event at position %d is missing", l.last, p+1)}
		}
		if err != nil {
			return broken(p+1, err)
		}
		if err := closer.Close(); err != nil {
			return err
		}
	}
	return nil
}

// lastIn returns the position of the last event in a table, 0 if there is none.
func (l *Log) lastIn(t scrub.Table) (p eventlog.Position, err error) {
	if p := positionOf(t.Last); p > 0 {
		return p, nil
	}
	file, err := l.opts.FS.Open(l.opts.FS.PathJoin(l.files.path(dbName), t.Name), vfs.RandomReadsOption)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil // it was replaced meanwhile, by one that was made from it
	}
	if err != nil {
		return 0, t.Broken(-1, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	r, err := scrub.OpenReader(file, l.readerOptions())
	if err != nil {
		return 0, t.Broken(-1, err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	it, err := r.NewIter(sstable.NoTransforms, eventKey(0), eventKey(-1), sstable.AssertNoBlobHandles)
	if err != nil {
		return 0, t.Broken(-1, err)
	}
	if kv := it.SeekLT(eventKey(-1), 0); kv != nil {
		p = positionOf(kv.K.UserKey)
	}
	return p, errors.Join(it.Error(), it.Close())
}

// describeKeys returns what keys from first to last are about, for the operator.
func describeKeys(first, last []byte) string {
	if len(first) == 0 || len(last) == 0 {
		return "an unknown part of the log"
	}
	a, b := positionOf(first), positionOf(last)
	switch {
	case a > 0 && b > 0:
		return fmt.Sprintf("the events at positions %d to %d", a, b)
	case a > 0:
		return fmt.Sprintf("events from position %d on and %s", a, kindName(last[0]))
	case b > 0:
		return fmt.Sprintf("%s and events up to position %d", kindName(first[0]), b)
	case first[0] == last[0]:
		return kindName(first[0])
	case first[0] < kindEvent && last[0] > kindEvent:
		return "events and indexes"
	default:
		return kindName(first[0]) + " and " + kindName(last[0])
	}
}

// positionOf returns the position of an event's key, 0 for another.
func positionOf(key []byte) eventlog.Position {
	if len(key) != eventKeyBytes || key[0] != kindEvent {
		return 0
	}
	return eventlog.Position(binary.BigEndian.Uint64(key[1:]))
}

func kindName(kind byte) string {
	switch kind {
	case kindEvent:
		return "events"
	case kindStream:
		return "the index of streams"
	case kindCategory:
		return "the index of categories"
	case kindID, kindIndexed:
		return "the index of ids"
	case kindSnapshot:
		return "snapshots"
	default:
		return "the layout"
	}
}
