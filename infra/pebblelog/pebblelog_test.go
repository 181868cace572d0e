package pebblelog_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/domain/eventlog"
	"orderflow/domain/eventlog/eventlogtest"
	"orderflow/infra/pebblelog"
)

var (
	_ eventlog.Store         = (*pebblelog.Log)(nil)
	_ eventlog.EndReader     = (*pebblelog.Log)(nil)
	_ eventlog.Snapshots     = (*pebblelog.Log)(nil)
	_ eventlog.MultiAppender = (*pebblelog.Log)(nil)
	_ eventlog.ReverseReader = (*pebblelog.Log)(nil)
	_ eventlog.Finder        = (*pebblelog.Log)(nil)
)

// open opens a log in dir and closes it at the end of the test.
func open(t testing.TB, dir string, opts pebblelog.Options) *pebblelog.Log {
	t.Helper()
	log, err := pebblelog.Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	})
	return log
}

func TestContract(t *testing.T) {
	eventlogtest.Run(t, func(t testing.TB) eventlog.Store {
		return open(t, "log", pebblelog.Options{FS: vfs.NewMem()})
	})
}

func TestContractOnDisk(t *testing.T) {
	eventlogtest.Run(t, func(t testing.TB) eventlog.Store { return open(t, t.TempDir(), pebblelog.Options{}) })
}

func TestContractWithIDs(t *testing.T) {
	eventlogtest.Run(t, func(t testing.TB) eventlog.Store {
		return open(t, "log", pebblelog.Options{FS: vfs.NewMem(), IndexIDs: true})
	})
}

func TestCapabilities(t *testing.T) {
	eventlogtest.RunCapabilities(t, func(t testing.TB) eventlog.Store {
		return open(t, "log", pebblelog.Options{FS: vfs.NewMem(), IndexIDs: true})
	})
}

// TestIDsOfAnOldLog opens one folder with and without the index in turn: what
// was appended without it is found too.
func TestIDsOfAnOldLog(t *testing.T) {
	fs, ids := vfs.NewMem(), []eventlog.EventID{}
	for round := range 6 {
		log, err := pebblelog.Open("log", pebblelog.Options{FS: fs, IndexIDs: round%2 == 1})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 700 {
			id := eventlog.NewEventID("c", "a-1", len(ids))
			if _, err := log.Append(t.Context(), "a-1", eventlog.Version(len(ids)), eventlog.Pending{ID: id, Type: "x", Data: []byte{byte(i)}}); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
		for i, id := range ids {
			r, ok, err := log.Find(t.Context(), id)
			if round%2 == 0 {
				if ok || err == nil {
					t.Fatal("a log without the index found an id")
				}
				break
			}
			if err != nil || !ok || r.Version != eventlog.Version(i+1) {
				t.Fatalf("round %d: found version %d, %v, %v; want %d", round, r.Version, ok, err, i+1)
			}
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSnapshots(t *testing.T) {
	eventlogtest.RunSnapshots(t, func(t testing.TB) eventlog.Snapshots {
		return open(t, "log", pebblelog.Options{FS: vfs.NewMem()})
	})
}

func TestDurable(t *testing.T) {
	var last *pebblelog.Log
	dir := t.TempDir()
	eventlogtest.RunDurable(t, func(t testing.TB) eventlog.Store {
		if last != nil {
			if err := last.Close(); err != nil {
				t.Fatal(err)
			}
		}
		last = open(t, dir, pebblelog.Options{})
		return last
	})
}
