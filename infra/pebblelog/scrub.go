package pebblelog

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/domain/eventlog"
)

// scrub reads tables and compares every block with its checksum, each block
// once, the newest tables first. It reads the files themselves, past the
// database and its cache.
type scrub struct {
	fs      vfs.FS
	dir     string
	options sstable.ReaderOptions
	live    func(table) (bool, error)

	mu      sync.Mutex
	tables  []table // not begun, the next one first
	spans   []span  // of the table that was begun last, not given out
	given   int64   // bytes given out
	checked tally
}

// tally is what was found whole.
type tally struct {
	tables int
	blocks int
	bytes  int64
}

// newScrub verifies the tables in the given order.
func (l *Log) newScrub(tables []table) *scrub {
	opts := databaseOptions(l.opts, l.opts.FS)
	opts.EnsureDefaults()
	return &scrub{
		fs: l.opts.FS, dir: l.files.path(dbName), options: opts.MakeReaderOptions(), live: l.isLive, tables: tables,
	}
}

// isLive says whether the database still reads a table: one that is no more
// was read whole, and found whole, by whatever replaced it.
func (l *Log) isLive(t table) (live bool, err error) {
	err = l.reading(func() error {
		levels, err := liveTables(l.db)
		live = slices.ContainsFunc(newestFirst(levels), func(o table) bool { return o.name == t.name })
		return err
	})
	return live, err
}

// next gives out the next span, or none when limit bytes are given out.
func (s *scrub) next(limit int64) (sp span, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.spans) == 0 {
		if len(s.tables) == 0 || s.given >= limit {
			return span{}, false, nil
		}
		t := s.tables[0]
		s.tables = s.tables[1:]
		s.spans, err = openTable(s.fs, s.dir, t, s.options)
		if errors.Is(err, fs.ErrNotExist) {
			live, liveErr := s.live(t)
			if err = liveErr; live {
				err = t.broken(-1, fs.ErrNotExist)
			}
		}
		if err != nil {
			return span{}, false, err
		}
		s.checked.tables++
	}
	if s.given >= limit {
		return span{}, false, nil
	}
	sp = s.spans[0]
	s.spans = s.spans[1:]
	s.given += sp.bytes
	s.checked.blocks += len(sp.blocks)
	s.checked.bytes += sp.bytes
	return sp, true, nil
}

// upTo verifies about so many bytes on all processors, and returns the first
// damage or what else was in the way.
func (s *scrub) upTo(limit int64) error {
	var first firstError
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			var buffer []byte
			for first.get() == nil {
				sp, ok, err := s.next(limit)
				if err != nil {
					first.set(err)
				}
				if !ok {
					return
				}
				buffer = sp.check(buffer, func(d *damage) { first.set(d) })
			}
		})
	}
	workers.Wait()
	return first.get()
}

// end lets go of what was not given out.
func (s *scrub) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sp := range s.spans {
		sp.release()
	}
	s.spans, s.tables = nil, nil
}

// firstError keeps the first of many errors.
type firstError struct {
	mu  sync.Mutex
	err error
}

func (f *firstError) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
}

func (f *firstError) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// verifyTables verifies, at the start, the table that was found broken before
// and then the newest tables up to a bound of bytes. The rest is left to
// [Log.verifyRest].
func (l *Log) verifyTables() error {
	levels, err := liveTables(l.db)
	if err != nil {
		return err
	}
	l.levels.Store(&levels)
	suspect, err := l.suspect()
	if err != nil {
		return err
	}
	tables, limit := newestFirst(levels), l.opts.verifiedAtStart
	if i := slices.IndexFunc(tables, func(t table) bool { return t.name == suspect }); i >= 0 {
		limit = max(limit, tables[i].bytes)
		tables = slices.Insert(slices.Delete(slices.Clone(tables), i, i+1), 0, tables[i])
	}
	l.scrub = l.newScrub(tables)
	if err := l.scrub.upTo(limit); err != nil {
		l.scrub.end()
		if d, ok := errors.AsType[*damage](err); ok {
			l.damaged(d)
		}
		return err
	}
	if suspect != "" {
		return l.absolve()
	}
	return nil
}

// verifyRest verifies what the start left, slowly, beside the work of the log.
func (l *Log) verifyRest() {
	defer close(l.verified)
	defer l.scrub.end()
	begun := time.Now()
	var buffer []byte
	for !l.hasFailed() {
		sp, ok, err := l.scrub.next(l.scrub.given + 1)
		if d, broken := errors.AsType[*damage](err); broken {
			l.damaged(d)
			return
		}
		if err != nil {
			l.opts.Logger.Warn("the tables of the event log cannot be verified", "error", oneLine(err.Error()))
			return
		}
		if !ok {
			c := l.scrub.checked
			l.opts.Logger.Debug("the event log is verified", "tables", c.tables, "bytes", c.bytes, "after_start", time.Since(begun).String())
			l.opts.Hooks.Verified(c.tables, c.bytes)
			return
		}
		buffer = sp.check(buffer, l.damaged)
		pause := time.NewTimer(time.Duration(sp.bytes) * time.Second / time.Duration(l.opts.verifyPerSecond))
		select {
		case <-pause.C:
		case <-l.failed:
		case <-l.closing:
			pause.Stop()
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
	levels, err := liveTables(l.db)
	if err != nil {
		return err
	}
	ends := []eventlog.Position{0}
	for level, tables := range levels {
		tables = slices.DeleteFunc(slices.Clone(tables), func(t table) bool {
			return string(t.beyond) < string(eventKey(0)) || string(t.first) >= string(eventKey(-1))
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
			return &damage{reason: fmt.Errorf("the log ends at position %d, but the event at position %d is missing", l.last, p+1)}
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

// lastIn is the position of the last event in a table, 0 if there is none.
func (l *Log) lastIn(t table) (p eventlog.Position, err error) {
	if p := positionOf(t.beyond); p > 0 {
		return p, nil
	}
	file, err := l.opts.FS.Open(l.opts.FS.PathJoin(l.files.path(dbName), t.name), vfs.RandomReadsOption)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil // it was replaced meanwhile, by one that was made from it
	}
	if err != nil {
		return 0, t.broken(-1, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	r, err := openReader(file, l.scrub.options)
	if err != nil {
		return 0, t.broken(-1, err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	it, err := r.NewIter(sstable.NoTransforms, eventKey(0), eventKey(-1), sstable.AssertNoBlobHandles)
	if err != nil {
		return 0, t.broken(-1, err)
	}
	if kv := it.SeekLT(eventKey(-1), 0); kv != nil {
		p = positionOf(kv.K.UserKey)
	}
	return p, errors.Join(it.Error(), it.Close())
}
