package pebblelog_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/domain/eventlog"
	"orderflow/domain/eventlog/eventlogtest"
	"orderflow/infra/pebblelog"
)

var (
	_ eventlog.Store     = (*pebblelog.Log)(nil)
	_ eventlog.Ended     = (*pebblelog.Log)(nil)
	_ eventlog.Snapshots = (*pebblelog.Log)(nil)
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
