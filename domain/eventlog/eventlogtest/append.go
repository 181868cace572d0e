package eventlogtest

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// writers is how many goroutines compete in the tests of concurrency.
const writers = 16

func firstEventHasVersionOne(t *testing.T, store eventlog.Store) {
	first := add(t, store, "a-1", 0, 1)
	if first.Version != 1 || first.Position <= 0 {
		t.Errorf("appended = %+v, want version 1 at a position above 0", first)
	}
	if next := add(t, store, "a-1", 1, 3); next.Version != 4 || next.Position <= first.Position {
		t.Errorf("appended = %+v, want version 4 above position %d", next, first.Position)
	}
	wantVersions(t, collect(t, store.Read(t.Context(), "a-1", 0)), 1, 4)
}

func staleVersionConflicts(t *testing.T, store eventlog.Store) {
	add(t, store, "a-1", 0, 2)
	for _, version := range []eventlog.Version{0, 1, 3, 100} {
		_, err := store.Append(t.Context(), "a-1", version, event("other", "a-1", 0))
		wantKind(t, err, domain.Conflict)
	}
	_, err := store.Append(t.Context(), "a-2", 1, event("other", "a-2", 0))
	wantKind(t, err, domain.Conflict)
	if all := collect(t, store.ReadAll(t.Context(), 0)); len(all) != 2 {
		t.Errorf("%d events are stored, want the first 2 only", len(all))
	}
}

func oneOfManyWritersWins(t *testing.T, store eventlog.Store) {
	for round := range eventlog.Version(5) {
		errs := make([]error, writers)
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				_, errs[w] = store.Append(t.Context(), "a-1", round, event(strings.Repeat("w", w+1), "a-1", int(round)))
			})
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else {
				wantKind(t, err, domain.Conflict)
			}
		}
		if won != 1 {
			t.Fatalf("%d writers won at version %d, want 1", won, round)
		}
		wantVersions(t, collect(t, store.Read(t.Context(), "a-1", 0)), 1, round+1)
	}
}

func allOrNothing(t *testing.T, store eventlog.Store) {
	bad := events("c", "a-1", 3)
	bad[2].Type = ""
	_, err := store.Append(t.Context(), "a-1", 0, bad...)
	wantKind(t, err, domain.Invalid)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			_, _ = store.Append(t.Context(), "a-1", 0, events(strings.Repeat("w", w+1), "a-1", 10)...)
		})
	}
	wg.Wait()
	list := collect(t, store.Read(t.Context(), "a-1", 0))
	wantVersions(t, list, 1, 10)
	for _, r := range list {
		if r.Meta.Command != list[0].Meta.Command {
			t.Fatalf("events of %q and %q are mixed", r.Meta.Command, list[0].Meta.Command)
		}
	}
}

func repeatIsRecognised(t *testing.T, store eventlog.Store) {
	lost := events("c", "a-1", 3)
	first, err := store.Append(t.Context(), "a-1", 0, lost...)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // at the end of the stream, and then in its middle
		again, err := store.Append(t.Context(), "a-1", 0, lost...)
		if err != nil || again != first {
			t.Errorf("the repeat gave %+v, %v; want %+v as before", again, err, first)
		}
		head := collect(t, store.Read(t.Context(), "a-1", 0))
		add(t, store, "a-1", eventlog.Version(len(head)), 2)
	}
	wantVersions(t, collect(t, store.Read(t.Context(), "a-1", 0)), 1, 7)
}

func partialRepeatConflicts(t *testing.T, store eventlog.Store) {
	stored := events("c", "a-1", 3)
	if _, err := store.Append(t.Context(), "a-1", 0, stored...); err != nil {
		t.Fatal(err)
	}
	longer := events("c", "a-1", 4)
	other := []eventlog.Pending{stored[0], event("d", "a-1", 1), stored[2]}
	swapped := []eventlog.Pending{stored[1], stored[0], stored[2]}
	for name, attempt := range map[string][]eventlog.Pending{"longer": longer, "other": other, "swapped": swapped} {
		if _, err := store.Append(t.Context(), "a-1", 0, attempt...); domain.KindOf(err) != domain.Conflict {
			t.Errorf("%s: err = %v, want kind Conflict", name, err)
		}
	}
	_, err := store.Append(t.Context(), "a-1", 1, stored...)
	wantKind(t, err, domain.Conflict)
	wantVersions(t, collect(t, store.Read(t.Context(), "a-1", 0)), 1, 3)
}

func concurrentRepeatsAgree(t *testing.T, store eventlog.Store) {
	answers := make([]eventlog.Appended, writers)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			var err error
			if answers[w], err = store.Append(t.Context(), "a-1", 0, events("c", "a-1", 2)...); err != nil {
				t.Errorf("writer %d: %v", w, err)
			}
		})
	}
	wg.Wait()
	for w, got := range answers {
		if got != answers[0] {
			t.Errorf("writer %d got %+v, writer 0 %+v", w, got, answers[0])
		}
	}
	wantVersions(t, collect(t, store.Read(t.Context(), "a-1", 0)), 1, 2)
}

func limitsAreInvalid(t *testing.T, store eventlog.Store) {
	ok := event("c", "a-1", 0)
	noID, noType, long, big := ok, ok, ok, ok
	noID.ID, noType.Type, long.Type = eventlog.EventID{}, "", strings.Repeat("t", eventlog.MaxTypeBytes+1)
	big.Data = make([]byte, eventlog.MaxEventBytes+1)
	for _, c := range []struct {
		name    string
		stream  eventlog.Stream
		version eventlog.Version
		events  []eventlog.Pending
	}{
		{"no events", "a-1", 0, nil},
		{"too many events", "a-1", 0, make([]eventlog.Pending, eventlog.MaxAppendEvents+1)},
		{"no stream", "", 0, []eventlog.Pending{ok}},
		{"long stream", eventlog.Stream("a-" + strings.Repeat("1", eventlog.MaxStreamBytes)), 0, []eventlog.Pending{ok}},
		{"negative version", "a-1", -1, []eventlog.Pending{ok}},
		{"event without id", "a-1", 0, []eventlog.Pending{noID}},
		{"event without type", "a-1", 0, []eventlog.Pending{noType}},
		{"event with a long type", "a-1", 0, []eventlog.Pending{long}},
		{"event too big", "a-1", 0, []eventlog.Pending{big}},
	} {
		if _, err := store.Append(t.Context(), c.stream, c.version, c.events...); err == nil || domain.KindOf(err) != domain.Invalid {
			t.Errorf("%s: err = %v, want kind Invalid", c.name, err)
		}
	}
	if all := collect(t, store.ReadAll(t.Context(), 0)); len(all) != 0 {
		t.Errorf("%d events are stored, want none", len(all))
	}
}

func largeEventsAndManyEvents(t *testing.T, store eventlog.Store) {
	add(t, store, "many-1", 0, 1_000)
	wantVersions(t, collect(t, store.Read(t.Context(), "many-1", 0)), 1, 1_000)
	large := event("c", "large-1", 0)
	large.Data = append(append([]byte(`{"a":"`), bytes.Repeat([]byte("x"), eventlog.PortableBytes-10)...), `"}`...)
	if _, err := store.Append(t.Context(), "large-1", 0, large); err != nil {
		t.Fatal(err)
	}
	list := collect(t, store.ReadAll(t.Context(), 0, "large"))
	if len(list) != 1 || !bytes.Equal(list[0].Data, large.Data) {
		t.Errorf("the large event did not come back")
	}
}

func cancelledAppend(t *testing.T, store eventlog.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := store.Append(ctx, "a-1", 0, event("c", "a-1", 0))
	if kind := domain.KindOf(err); err == nil || kind != domain.Unavailable && kind != domain.Unknown {
		t.Fatalf("err = %v, want kind Unavailable or Unknown", err)
	}
	if stored := collect(t, store.Read(t.Context(), "a-1", 0)); domain.KindOf(err) == domain.Unavailable && len(stored) != 0 {
		t.Errorf("%d events are stored; Unavailable promises none", len(stored))
	}
	if _, err := store.Append(t.Context(), "a-1", 0, event("c", "a-1", 0)); err != nil {
		t.Errorf("the repeat failed: %v", err)
	}
	wantVersions(t, collect(t, store.Read(t.Context(), "a-1", 0)), 1, 1)
}

func dataIsNotShared(t *testing.T, store eventlog.Store) {
	pending := []eventlog.Pending{event("c", "a-1", 0)}
	want := string(pending[0].Data)
	if _, err := store.Append(t.Context(), "a-1", 0, pending...); err != nil {
		t.Fatal(err)
	}
	clear(pending[0].Data)
	pending[0].Type = "other.v1"
	for r, err := range store.ReadAll(t.Context(), 0) {
		if err != nil || string(r.Data) != want || r.Type != "tested.v1" {
			t.Errorf("stored %s %q, %v; want the event as it was appended", r.Type, r.Data, err)
		}
	}
}
