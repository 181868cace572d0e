package pebblelog_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/pebblelog"
)

func numbered(i int) eventlog.Stream { return eventlog.Stream(fmt.Sprintf("filtered-%d", i)) }

func TestFilterHoldsTheFirstEventsAndPassesTheRest(t *testing.T) {
	const streams = 10_000
	policy := pebblelog.FirstEvents()
	w := policy.NewWriter(pebble.TableFilter)
	for i := range streams {
		w.AddKey(pebblelog.EventKey(eventlog.Position(i + 1)))
		w.AddKey(pebblelog.FirstEventKey(numbered(i)))
	}
	filter := w.Finish(nil)
	if got := len(filter) * 8; got > 11*streams {
		t.Errorf("the filter has %d bits for %d streams", got, streams)
	}
	wrong := 0
	for i := range streams {
		if !policy.MayContain(pebble.TableFilter, filter, pebblelog.FirstEventKey(numbered(i))) {
			t.Fatalf("%s is denied", numbered(i))
		}
		if policy.MayContain(pebble.TableFilter, filter, pebblelog.FirstEventKey(numbered(streams+i))) {
			wrong++
		}
		if !policy.MayContain(pebble.TableFilter, filter, pebblelog.EventKey(eventlog.Position(streams+i))) {
			t.Fatalf("an event is denied that the filter cannot know")
		}
	}
	if wrong > streams/20 {
		t.Errorf("%d of %d absent streams were not told", wrong, streams)
	}
}

// A log whose tables were written when their filters held every key is one log
// with what is written now: no stream begins twice.
func TestTablesWithOlderFilters(t *testing.T) {
	const streams = 200
	fs := vfs.NewMem()
	for _, older := range []bool{true, false} {
		log := open(t, logDir, small(fs))
		for i := range streams {
			s, first := numbered(i), eventlog.Version(0)
			if !older {
				_, err := log.Append(t.Context(), s, 0, pending(s, 7, 1, 10)...)
				if domain.KindOf(err) != domain.Conflict {
					t.Fatalf("%s began twice: %v", s, err)
				}
				s = numbered(streams + i)
			}
			if _, err := log.Append(t.Context(), s, first, pending(s, 0, 2, 500)...); err != nil {
				t.Fatal(err)
			}
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		if older {
			rewriteTables(t, fs)
		}
	}
	log := open(t, logDir, small(fs))

	for i := range 2 * streams {
		n := 0
		for _, err := range log.Read(t.Context(), numbered(i), 0) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != 2 {
			t.Errorf("%s has %d events, want 2", numbered(i), n)
		}
	}
	for range log.Read(t.Context(), numbered(2*streams), 0) {
		t.Error("a stream that never was has an event")
	}
}

// rewriteTables writes every table anew with the filters of before.
func rewriteTables(t *testing.T, fs vfs.FS) {
	t.Helper()
	opts := pebblelog.DatabaseOptions(small(fs))
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	db, err := pebble.Open(fs.PathJoin(logDir, "db"), opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Flush(), db.Compact(t.Context(), []byte{0}, []byte{0xff}, false), db.Close()); err != nil {
		t.Fatal(err)
	}
}

// Readers note that a stream does not exist while it comes to exist; neither
// its events nor a conflict may be missed over it.
func TestStreamsThatBeginWhileTheyAreRead(t *testing.T) {
	log := open(t, logDir, small(vfs.NewMem()))
	streams := int64(fewer(t, 500)) //nolint:gosec // a small number
	const readers = 4
	var began atomic.Int64
	var reading sync.WaitGroup
	for range readers {
		reading.Go(func() {
			for i := began.Load(); i < streams; i = began.Load() {
				for _, err := range log.Read(t.Context(), numbered(int(i)), 0) {
					if err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	for i := range streams {
		s := numbered(int(i))
		if _, err := log.Append(t.Context(), s, 0, pending(s, 0, 1, 10)...); err != nil {
			t.Error(err)
		}
		n := 0
		for range log.Read(t.Context(), s, 0) {
			n++
		}
		_, err := log.Append(t.Context(), s, 0, pending(s, 7, 1, 10)...)
		if n != 1 || domain.KindOf(err) != domain.Conflict {
			t.Errorf("%s has %d events, and beginning it again is %v", s, n, err)
		}
		began.Add(1)
	}
	reading.Wait()
}
