package eventlogtest

import (
	"bytes"
	"testing"

	"orderflow/domain/eventlog"
)

// RunSnapshots exercises the snapshot stores that open returns; each subtest
// gets a fresh and empty one.
func RunSnapshots(t *testing.T, open func(testing.TB) eventlog.Snapshots) {
	t.Run("MissingIsNoError", func(t *testing.T) {
		wantNoSnapshot(t, open(t), "stock-main", "1")
	})
	t.Run("ComesBackAsSaved", func(t *testing.T) {
		store := open(t)
		save(t, store, "stock-main", "1", 7, "seven")
		save(t, store, "stock-other", "1", 9, "nine")
		wantSnapshot(t, store, "stock-main", "1", 7, "seven")
		wantSnapshot(t, store, "stock-other", "1", 9, "nine")
		wantNoSnapshot(t, store, "stock", "1")
	})
	t.Run("IsReplaced", func(t *testing.T) {
		store := open(t)
		save(t, store, "stock-main", "1", 7, "seven, a long state")
		save(t, store, "stock-main", "1", 8, "eight")
		wantSnapshot(t, store, "stock-main", "1", 8, "eight")
	})
	t.Run("OtherSchemaIsNotAnswered", func(t *testing.T) {
		store := open(t)
		save(t, store, "stock-main", "1", 7, "seven")
		wantNoSnapshot(t, store, "stock-main", "2")
		save(t, store, "stock-main", "2", 9, "nine")
		wantSnapshot(t, store, "stock-main", "2", 9, "nine")
	})
	t.Run("StateIsNotShared", func(t *testing.T) {
		store := open(t)
		state := []byte("seven")
		if err := store.SaveSnapshot(t.Context(), "stock-main", "1", 7, state); err != nil {
			t.Fatal(err)
		}
		clear(state)
		_, loaded, _, err := store.LoadSnapshot(t.Context(), "stock-main", "1")
		if err != nil {
			t.Fatal(err)
		}
		clear(loaded)
		wantSnapshot(t, store, "stock-main", "1", 7, "seven")
	})
	t.Run("EmptyAndLargeStates", func(t *testing.T) {
		store := open(t)
		save(t, store, "stock-main", "", 1, "")
		wantSnapshot(t, store, "stock-main", "", 1, "")
		large := string(bytes.Repeat([]byte("x"), 3<<20))
		save(t, store, "stock-main", "1", 2, large)
		wantSnapshot(t, store, "stock-main", "1", 2, large)
	})
}

func save(t *testing.T, store eventlog.Snapshots, s eventlog.Stream, schema string, at eventlog.Version, state string) {
	t.Helper()
	if err := store.SaveSnapshot(t.Context(), s, schema, at, []byte(state)); err != nil {
		t.Fatal(err)
	}
}

func wantSnapshot(t *testing.T, store eventlog.Snapshots, s eventlog.Stream, schema string, at eventlog.Version, state string) {
	t.Helper()
	gotAt, got, ok, err := store.LoadSnapshot(t.Context(), s, schema)
	if err != nil || !ok || gotAt != at || string(got) != state {
		t.Errorf("snapshot of %s: %d bytes at %d, ok %t, %v; want %d bytes at %d", s, len(got), gotAt, ok, err, len(state), at)
	}
}

func wantNoSnapshot(t *testing.T, store eventlog.Snapshots, s eventlog.Stream, schema string) {
	t.Helper()
	if at, _, ok, err := store.LoadSnapshot(t.Context(), s, schema); err != nil || ok {
		t.Errorf("snapshot of %s: at %d, ok %t, %v; want none and no error", s, at, ok, err)
	}
}
