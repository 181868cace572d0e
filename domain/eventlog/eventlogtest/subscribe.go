package eventlogtest

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"testing"

	"orderflow/domain/eventlog"
)

// subscription collects the first n events of one subscription on its own goroutine.
type subscription struct {
	above      eventlog.Position
	categories []string
	n          int
	got        []eventlog.Recorded
	err        error
}

func subscribeAll(t *testing.T, wg *sync.WaitGroup, store eventlog.Store, subs []*subscription) {
	for _, sub := range subs {
		wg.Go(func() {
			sub.got, sub.err = take(t.Context(), sub.n, func(ctx context.Context) iter.Seq2[eventlog.Recorded, error] {
				return store.Subscribe(ctx, sub.above, sub.categories...)
			})
		})
	}
}

func subscribeFollows(t *testing.T, store eventlog.Store) {
	add(t, store, "a-old", 0, 700)
	const rounds = 40
	total := 700 + 6*rounds*2
	subs := []*subscription{{n: total}, {n: total}, {n: total}, {n: total}}
	var wg sync.WaitGroup
	subscribeAll(t, &wg, store, subs[:2]) // two before the writers, two while they write
	wg.Go(func() { fill(t, store, rounds) })
	subscribeAll(t, &wg, store, subs[2:])
	wg.Wait()
	all := collect(t, store.ReadAll(t.Context(), 0))
	for _, sub := range subs {
		if sub.err != nil {
			t.Fatal(sub.err)
		}
		wantSame(t, sub.got, all)
	}
}

func subscribeFiltered(t *testing.T, store eventlog.Store) {
	middle := add(t, store, "a-old", 0, 10).Position
	const rounds = 30
	subs := []*subscription{
		{above: middle, n: 6 * rounds * 2},
		{above: middle, n: 2 * rounds * 2, categories: []string{"b"}},
		{above: 0, n: 10 + 4*rounds*2, categories: []string{"c", "a"}},
	}
	var wg sync.WaitGroup
	subscribeAll(t, &wg, store, subs)
	wg.Go(func() { fill(t, store, rounds) })
	wg.Wait()
	for _, sub := range subs {
		if sub.err != nil {
			t.Fatal(sub.err)
		}
		wantSame(t, sub.got, collect(t, store.ReadAll(t.Context(), sub.above, sub.categories...)))
	}
	if !slices.ContainsFunc(subs[2].got, func(r eventlog.Recorded) bool { return r.Stream == "a-old" }) {
		t.Error("the subscription from the start missed what was there before")
	}
}

func subscribeEnds(t *testing.T, store eventlog.Store) {
	add(t, store, "a-1", 0, 3)
	for _, categories := range [][]string{nil, {"a"}} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var seen int
		var last error
		for _, err := range store.Subscribe(ctx, 0, categories...) {
			if last != nil {
				t.Fatalf("the subscription went on after %v", last)
			}
			if last = err; err == nil {
				if seen++; seen == 3 {
					cancel()
				}
			}
		}
		if seen != 3 || !errors.Is(last, context.Canceled) {
			t.Errorf("%d events, then %v; want 3, then the context's error", seen, last)
		}
	}
}

func slowSubscriber(t *testing.T, store eventlog.Store) {
	const rounds = 60
	total := 1 + 6*rounds*2
	add(t, store, "a-old", 0, 1)
	started, release := make(chan struct{}), make(chan struct{})
	var got []eventlog.Recorded
	var err error
	var wg sync.WaitGroup
	wg.Go(func() {
		got, err = take(t.Context(), total, func(ctx context.Context) iter.Seq2[eventlog.Recorded, error] {
			return func(yield func(eventlog.Recorded, error) bool) {
				first := true
				for r, err := range store.Subscribe(ctx, 0) {
					if first {
						first = false
						close(started)
						<-release
					}
					if !yield(r, err) {
						return
					}
				}
			}
		})
	})
	<-started
	fill(t, store, rounds) // returns although no subscriber takes the events
	close(release)
	wg.Wait()
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, got, collect(t, store.ReadAll(t.Context(), 0)))
}

func subscribeFromEnd(t *testing.T, store eventlog.Store) {
	end := add(t, store, "a-1", 0, 2).Position
	sub := &subscription{above: end, n: 3}
	var wg sync.WaitGroup
	subscribeAll(t, &wg, store, []*subscription{sub})
	add(t, store, "a-1", 2, 3)
	wg.Wait()
	if sub.err != nil {
		t.Fatal(sub.err)
	}
	wantVersions(t, sub.got, 3, 5)
}
