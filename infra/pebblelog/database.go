package pebblelog

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/infra/pebblelog/scrub"
)

// tablesInMemory is how many tables in memory there mostly are: one that is
// written to and one that is flushed or kept for reuse. The database takes
// their bytes off its cache; without this nothing of the cache would be left.
const tablesInMemory = 2

// DatabaseOptions returns the options of the Pebble database below a log: those
// that a baseline must use to be comparable.
func DatabaseOptions(o Options) *pebble.Options {
	o = o.withDefaults()
	return databaseOptions(o, o.FS)
}

func databaseOptions(o Options, fs vfs.FS) *pebble.Options {
	opts := &pebble.Options{
		FS:                          fs,
		CacheSize:                   o.CacheBytes + tablesInMemory*int64(o.MemTableBytes),
		MemTableSize:                o.MemTableBytes,
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       1_000, // a slow disk must slow readers, never stop the log
		LBaseMaxBytes:               64 << 20,
		// With an older format half of the bit flips in a log file cost
		// synced events without an error; the newest notices every one.
		FormatMajorVersion: pebble.FormatNewest,
		Logger:             pebbleLogger{debug: o.Logger.Debug, complained: func(text string) { o.Logger.Error("pebble", "said", scrub.OneLine(text)) }},
	}
	// Tables of before there was our own filter are read with theirs.
	all, first := bloom.FilterPolicy(filterBitsPerKey), newFirstEvents()
	opts.Filters = map[string]pebble.FilterPolicy{all.Name(): all, first.Name(): first}
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = first
	}
	return opts
}

// pebbleLogger brings the database's words to the log's. Fatalf must not return.
type pebbleLogger struct {
	debug      func(msg string, args ...any)
	complained func(text string)
	died       func(error)
}

func (l pebbleLogger) Infof(format string, args ...any) {
	l.debug("pebble", "said", fmt.Sprintf(format, args...))
}

func (l pebbleLogger) Errorf(format string, args ...any) {
	l.complained(fmt.Sprintf(format, args...))
}

func (l pebbleLogger) Fatalf(format string, args ...any) {
	err := errors.New(scrub.OneLine(fmt.Sprintf(format, args...)))
	if l.died != nil {
		l.died(err)
	}
	panic(err)
}

// openDatabase opens db and turns the panics of a database that meets broken
// files into errors.
func openDatabase(dir string, opts *pebble.Options) (db *pebble.DB, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			if bug, ok := cause.(runtime.Error); ok {
				err = fmt.Errorf("the database cannot be read: %w", bug)
				return
			}
			err = fmt.Errorf("the database cannot be read: %v", cause)
		}
	}()
	return pebble.Open(dir, opts)
}
