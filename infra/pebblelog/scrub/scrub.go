package scrub

import (
	"errors"
	"io/fs"
	"runtime"
	"sync"

	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// spanBytes is how much of a table is read with one call: large enough that a
// disk streams, small enough that one buffer for each processor is cheap.
const spanBytes = 1 << 20

// Scrub reads tables and compares every block with its checksum, each block
// once. It reads the files themselves and bypasses the database and its cache.
// It is safe for concurrent use.
type Scrub struct {
	fs      vfs.FS
	dir     string
	options sstable.ReaderOptions
	live    func(Table) (bool, error)

	mu     sync.Mutex
	tables []Table // not begun, the next one first
	spans  []Span  // of the table that was begun last, not returned yet
	given  int64   // bytes of the spans returned
	totals Totals
}

// Totals counts the tables, blocks and bytes that a scrub handed out for checking.
type Totals struct {
	Tables int
	Blocks int
	Bytes  int64
}

// Totals returns the counts so far.
func (s *Scrub) Totals() Totals {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.totals
}

// Given returns the bytes of all spans returned so far.
func (s *Scrub) Given() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.given
}

// New returns a scrub of the tables in dir, in the given order. options are the
// database's for reading tables. live reports whether the database still reads a
// table: a file that is gone was read whole by the compaction that replaced it.
func New(fs vfs.FS, dir string, options sstable.ReaderOptions, live func(Table) (bool, error), tables []Table) *Scrub {
	return &Scrub{fs: fs, dir: dir, options: options, live: live, tables: tables}
}

// Next returns the next span to check; ok is false at the end, or once spans of
// limit bytes were returned. The error is a [DamageError] if a table cannot be read.
func (s *Scrub) Next(limit int64) (sp Span, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.spans) == 0 {
		if len(s.tables) == 0 || s.given >= limit {
			return Span{}, false, nil
		}
		t := s.tables[0]
		s.tables = s.tables[1:]
		s.spans, err = openTable(s.fs, s.dir, t, s.options)
		if errors.Is(err, fs.ErrNotExist) {
			live, liveErr := s.live(t)
			if err = liveErr; live {
				err = t.Broken(-1, fs.ErrNotExist)
			}
		}
		if err != nil {
			return Span{}, false, err
		}
		s.totals.Tables++
	}
	if s.given >= limit {
		return Span{}, false, nil
	}
	sp = s.spans[0]
	s.spans = s.spans[1:]
	s.given += sp.Bytes
	s.totals.Blocks += len(sp.blocks)
	s.totals.Bytes += sp.Bytes
	return sp, true, nil
}

// UpTo checks about limit bytes on all processors and returns the first [DamageError]
// or other error.
func (s *Scrub) UpTo(limit int64) error {
	var first firstError
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			var buffer []byte
			for first.get() == nil {
				sp, ok, err := s.Next(limit)
				if err != nil {
					first.set(err)
				}
				if !ok {
					return
				}
				buffer = sp.Check(buffer, func(d *DamageError) { first.set(d) })
			}
		})
	}
	workers.Wait()
	return first.get()
}

// Close releases the spans that were not returned.
func (s *Scrub) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sp := range s.spans {
		sp.release()
	}
	s.spans, s.tables = nil, nil
}

// firstError keeps the first of several errors.
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
