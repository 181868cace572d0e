package eventlogtest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow/domain/eventlog"
)

func everythingComesBack(t *testing.T, store eventlog.Store) {
	meta := eventlog.Meta{Command: "cmd", Correlation: "ord_1", Causation: "evt", Actor: "customer ü", Trace: "00-0af7-b7ad-01"}
	pending := []eventlog.Pending{
		{ID: eventlog.NewEventID("c", "a-1", 0), Type: "full.v1", Data: []byte(`{"text":"\u00e9 \"ü\"","n":1}`), Meta: meta},
		{ID: eventlog.NewEventID("c", "a-1", 1), Type: "bare.v2", Data: []byte(`{}`)},
	}
	appended, err := store.Append(t.Context(), "a-1", 0, pending...)
	if err != nil {
		t.Fatal(err)
	}
	list := collect(t, store.Read(t.Context(), "a-1", 0))
	wantVersions(t, list, 1, 2)
	for i, r := range list {
		p := pending[i]
		if r.ID != p.ID || r.Stream != "a-1" || r.Type != p.Type || string(r.Data) != string(p.Data) || r.Meta != p.Meta {
			t.Errorf("event %d came back as %+v, want %+v", i, r, p)
		}
		if r.At.Year() < 2000 || r.At.Location() != time.UTC {
			t.Errorf("event %d has time %v, want when it was stored in UTC", i, r.At)
		}
	}
	if last := list[1].Position; last != appended.Position {
		t.Errorf("the last event is at %d, Append said %d", last, appended.Position)
	}
	wantSame(t, collect(t, store.ReadAll(t.Context(), 0)), list)
	live, err := take(t.Context(), 2, func(ctx context.Context) iter.Seq2[eventlog.Recorded, error] { return store.Subscribe(ctx, 0) })
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, live, list)
}

func readAboveVersion(t *testing.T, store eventlog.Store) {
	for v := range eventlog.Version(20) {
		add(t, store, "a-1", v*30, 30)
		add(t, store, "a-2", v, 1)
	}
	for _, above := range []eventlog.Version{0, 1, 299, 599, 600, 601, 5_000} {
		list := collect(t, store.Read(t.Context(), "a-1", above))
		wantVersions(t, list, min(above, 600)+1, 600)
	}
}

func unknownStreamIsEmpty(t *testing.T, store eventlog.Store) {
	if list := collect(t, store.Read(t.Context(), "nobody-1", 0)); len(list) != 0 {
		t.Errorf("%d events in an unknown stream of an empty log", len(list))
	}
	add(t, store, "a-1", 0, 1)
	if list := collect(t, store.Read(t.Context(), "nobody-1", 0)); len(list) != 0 {
		t.Errorf("%d events in an unknown stream", len(list))
	}
	if list := collect(t, store.ReadAll(t.Context(), 0, "nobody")); len(list) != 0 {
		t.Errorf("%d events in an unknown category", len(list))
	}
}

func similarNamesAreApart(t *testing.T, store eventlog.Store) {
	names := []eventlog.Stream{"a-1", "a-11", "a-1-1", "a", "-1", "aa-1", "A-1", "a-ü", "a-1 1", eventlog.Stream("long-" + strings.Repeat("1", eventlog.MaxStreamBytes-5))}
	for i, s := range names {
		add(t, store, s, 0, i+1)
	}
	for i, s := range names {
		list := collect(t, store.Read(t.Context(), s, 0))
		wantVersions(t, list, 1, eventlog.Version(i+1))
		for _, r := range list {
			if r.Stream != s {
				t.Errorf("%q holds an event of %q", s, r.Stream)
			}
		}
	}
	if list := collect(t, store.ReadAll(t.Context(), 0, "aa")); len(list) != 6 {
		t.Errorf("%d events in category aa, want 6", len(list))
	}
}

// fill appends concurrently to a few streams of three categories, and returns
// the number of events when all is stored.
func fill(t *testing.T, store eventlog.Store, rounds int) int {
	t.Helper()
	var wg sync.WaitGroup
	for w := range 6 {
		s := eventlog.Stream(fmt.Sprintf("%c-%d", "abc"[w%3], w))
		wg.Go(func() {
			for v := range eventlog.Version(rounds) {
				if _, err := store.Append(t.Context(), s, v*2, events(fmt.Sprintf("%s at %d", s, v*2), s, 2)...); err != nil {
					t.Errorf("append to %s: %v", s, err)
					return
				}
			}
		})
	}
	wg.Wait()
	return 6 * rounds * 2
}

func positionsIncrease(t *testing.T, store eventlog.Store) {
	n := fill(t, store, 20)
	all := collect(t, store.ReadAll(t.Context(), 0))
	if len(all) != n {
		t.Fatalf("%d events, want %d", len(all), n)
	}
	heads := map[eventlog.Stream]eventlog.Version{}
	for i, r := range all {
		if i > 0 && r.Position <= all[i-1].Position {
			t.Fatalf("position %d follows %d", r.Position, all[i-1].Position)
		}
		if r.Version != heads[r.Stream]+1 {
			t.Fatalf("%s has version %d after %d", r.Stream, r.Version, heads[r.Stream])
		}
		heads[r.Stream] = r.Version
	}
}

func readAllAbove(t *testing.T, store eventlog.Store) {
	fill(t, store, 10)
	all := collect(t, store.ReadAll(t.Context(), 0))
	for i := 0; i < len(all); i += 7 {
		wantSame(t, collect(t, store.ReadAll(t.Context(), all[i].Position)), all[i+1:])
	}
	if list := collect(t, store.ReadAll(t.Context(), all[len(all)-1].Position+1_000)); len(list) != 0 {
		t.Errorf("%d events above the end", len(list))
	}
}

func readAllCategories(t *testing.T, store eventlog.Store) {
	fill(t, store, 60)
	all := collect(t, store.ReadAll(t.Context(), 0))
	for _, categories := range [][]string{{"a"}, {"c", "a"}, {"a", "b", "c"}, {"b", "b"}, {"b", "nobody"}} {
		for _, i := range []int{0, 1, len(all) / 2, len(all) - 1} {
			want := slices.Collect(func(yield func(eventlog.Recorded) bool) {
				for _, r := range all[i+1:] {
					if slices.Contains(categories, r.Stream.Category()) && !yield(r) {
						return
					}
				}
			})
			wantSame(t, collect(t, store.ReadAll(t.Context(), all[i].Position, categories...)), want)
		}
	}
}

func nothingAppearsBehind(t *testing.T, store eventlog.Store) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		fill(t, store, 40)
	}()
	var seen []eventlog.Recorded
	var at eventlog.Position
	for running := true; running; {
		select {
		case <-done:
			running = false // one last pass from here sees the rest
		default:
		}
		for _, r := range collect(t, store.ReadAll(t.Context(), at)) {
			if r.Position <= at {
				t.Fatalf("position %d was yielded above %d", r.Position, at)
			}
			seen, at = append(seen, r), r.Position
		}
	}
	wantSame(t, seen, collect(t, store.ReadAll(t.Context(), 0)))
}

func readsEndWithContext(t *testing.T, store eventlog.Store) {
	fill(t, store, 10)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, seq := range map[string]iter.Seq2[eventlog.Recorded, error]{
		"Read": store.Read(ctx, "a-0", 0), "ReadAll": store.ReadAll(ctx, 0), "by category": store.ReadAll(ctx, 0, "a"),
	} {
		var last error
		yielded := 0
		for _, err := range seq {
			if last != nil {
				t.Errorf("%s went on after %v", name, last)
			}
			last = err
			yielded++
		}
		if !errors.Is(last, context.Canceled) {
			t.Errorf("%s ended with %v after %d, want the context's error", name, last, yielded)
		}
	}
}

func breakingOut(t *testing.T, store eventlog.Store) {
	fill(t, store, 10)
	rounds := 100
	if testing.Short() {
		rounds = 10
		t.Logf("in short form: %d of 100 rounds", rounds)
	}
	for range rounds {
		for _, seq := range []iter.Seq2[eventlog.Recorded, error]{
			store.Read(t.Context(), "a-0", 0), store.ReadAll(t.Context(), 0),
			store.ReadAll(t.Context(), 0, "a", "b"), store.Subscribe(t.Context(), 0),
		} {
			for _, err := range seq {
				if err != nil {
					t.Fatal(err)
				}
				break
			}
		}
	}
	add(t, store, "a-0", 20, 1)
}

func endIsLast(t *testing.T, store eventlog.Store) {
	ended, ok := store.(eventlog.EndReader)
	if !ok {
		t.Fatal("the store does not implement eventlog.EndReader")
	}
	begin, err := ended.End(t.Context()) // a store's own events count
	if err != nil {
		t.Errorf("the end of a log without our events: %v", err)
	}
	if begin > 0 {
		if _, ok, err := asLocated(t, store).At(t.Context(), begin); !ok || err != nil {
			t.Errorf("the end of a log without our events is %d, where there is no event: %t, %v", begin, ok, err)
		}
	}
	appended := add(t, store, "a-1", 0, 3)
	if appended.Position <= begin {
		t.Errorf("an event was stored at %d, the end before was %d", appended.Position, begin)
	}
	if end, err := ended.End(t.Context()); err != nil || end != appended.Position {
		t.Errorf("the end is %d, %v; want %d", end, err, appended.Position)
	}
}
