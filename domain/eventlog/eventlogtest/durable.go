package eventlogtest

import (
	"testing"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// RunDurable exercises a store that outlives its process: reopen closes the
// store it returned before, if any, and opens the same data again.
func RunDurable(t *testing.T, reopen func(testing.TB) eventlog.Store) {
	store := reopen(t)
	fill(t, store, 20)
	want := collect(t, store.ReadAll(t.Context(), 0))

	store = reopen(t)
	wantSame(t, collect(t, store.ReadAll(t.Context(), 0)), want)
	wantVersions(t, collect(t, store.Read(t.Context(), "a-0", 0)), 1, 40)

	_, err := store.Append(t.Context(), "a-0", 39, event("other", "a-0", 0))
	wantKind(t, err, domain.Conflict)
	again, err := store.Append(t.Context(), "a-0", 38, events("a-0 at 38", "a-0", 2)...)
	if err != nil || again.Version != 40 {
		t.Errorf("the repeat after reopening gave %+v, %v; want version 40 as before", again, err)
	}
	if next := add(t, store, "a-0", 40, 1); next.Position <= want[len(want)-1].Position {
		t.Errorf("position %d was given again", next.Position)
	}

	store = reopen(t)
	wantVersions(t, collect(t, store.Read(t.Context(), "a-0", 0)), 1, 41)
	wantSame(t, collect(t, store.ReadAll(t.Context(), 0))[:len(want)], want)
}
