package sqlite_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/eventlog/eventlogtest"
	"orderflow/infra/sqlite"
)

func states(t testing.TB, dir string) *sqlite.States {
	t.Helper()
	s, err := sqlite.OpenStates(t.Context(), dir, quiet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStates(t *testing.T) {
	eventlogtest.RunSnapshots(t, func(t testing.TB) eventlog.Snapshots { return states(t, t.TempDir()) })
}

// TestStatesAreBounded saves more than are kept: the newest ones stay.
func TestStatesAreBounded(t *testing.T) {
	s := states(t, t.TempDir())
	const saved, kept = 300, 256
	for i := range saved {
		if err := s.SaveSnapshot(t.Context(), eventlog.Stream(fmt.Sprint("stock-", i)), "1", 1, []byte("state")); err != nil {
			t.Fatal(err)
		}
	}
	for i := range saved {
		_, _, ok, err := s.LoadSnapshot(t.Context(), eventlog.Stream(fmt.Sprint("stock-", i)), "1")
		if err != nil || ok != (i >= saved-kept) {
			t.Fatalf("snapshot %d: %t, %v", i, ok, err)
		}
	}
	err := s.SaveSnapshot(t.Context(), "stock-main", "1", 1, make([]byte, 65<<20))
	if domain.KindOf(err) != domain.Invalid {
		t.Errorf("a snapshot of 65 MiB: %v", err)
	}
}

// TestStatesSurviveDamage loses what is in a file that is none, and works on.
func TestStatesSurviveDamage(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "states.db"), []byte("this is no database, and long enough to say so"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := states(t, dir)
	if err := s.SaveSnapshot(t.Context(), "stock-main", "1", 7, []byte("seven")); err != nil {
		t.Fatal(err)
	}
	if at, state, ok, err := s.LoadSnapshot(t.Context(), "stock-main", "1"); err != nil || !ok || at != 7 || string(state) != "seven" {
		t.Errorf("at %d %q %t %v", at, state, ok, err)
	}
}
