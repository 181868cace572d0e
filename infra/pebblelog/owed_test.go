package pebblelog_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/domain/eventlog"
	"orderflow/infra/pebblelog"
)

var _ eventlog.Owing = (*pebblelog.Log)(nil)

// TestOwedSpaceIsRemembered cuts the power after events were removed: the log
// knows that their space is to be given back until that was done, and what is
// removed while tables are rewritten is owed still.
func TestOwedSpaceIsRemembered(t *testing.T) {
	fs := vfs.NewCrashableMem()
	log, err := pebblelog.Open(logDir, small(fs))
	if err != nil {
		t.Fatal(err)
	}
	owes := func(when string, want bool) {
		t.Helper()
		if got, err := log.Owes(t.Context()); err != nil || got != want {
			t.Errorf("%s: space is owed: %v, %v; want %v", when, got, err, want)
		}
	}
	remove := func(below eventlog.Version) {
		t.Helper()
		if n, err := log.RemoveBelow(t.Context(), "a-1", below); err != nil || n == 0 {
			t.Fatalf("%d events were removed: %v", n, err)
		}
	}
	again := func() {
		t.Helper()
		left := fs.CrashClone(vfs.CrashCloneCfg{})
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		fs = left
		if log, err = pebblelog.Open(logDir, small(fs)); err != nil {
			t.Fatal(err)
		}
	}
	var batch []eventlog.Pending
	for v := range eventlog.Version(50) {
		batch = append(batch, event("a-1", v+1))
	}
	if _, err := log.Append(t.Context(), "a-1", 0, batch...); err != nil {
		t.Fatal(err)
	}
	owes("nothing was removed", false)
	remove(10)
	owes("removed", true)
	again()
	owes("removed, and the power failed", true)
	if err := log.GiveBack(t.Context()); err != nil {
		t.Fatal(err)
	}
	owes("given back", false)
	before := log.Removals()
	remove(20)
	if err := log.Settle(before); err != nil {
		t.Fatal(err)
	}
	owes("removed beside it", true)
	if err := log.GiveBack(t.Context()); err != nil {
		t.Fatal(err)
	}
	again()
	owes("given back, and the power failed", false)
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
}
