package eventlogtest

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"testing"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// RunCapabilities exercises a store that has all of [eventlog.MultiAppender],
// [eventlog.ReverseReader] and [eventlog.Finder].
func RunCapabilities(t *testing.T, open func(testing.TB) eventlog.Store) {
	for _, c := range []struct {
		name string
		test func(*testing.T, capable)
	}{
		{"Together/AllStreamsOrNone", allStreamsOrNone},
		{"Together/RepeatIsRecognised", togetherRepeat},
		{"Together/LimitsAreInvalid", togetherLimits},
		{"Together/ConcurrentOnesStayWhole", togetherConcurrent},
		{"Backwards/IsForwardsReversed", backwardsIsReversed},
		{"Backwards/EndsWithContextOrBreak", backwardsEnds},
		{"Find/NewestOfAnID", findNewest},
	} {
		t.Run(c.name, func(t *testing.T) {
			store, ok := open(t).(capable)
			if !ok {
				t.Fatal("the store lacks a capability")
			}
			c.test(t, store)
		})
	}
}

type capable interface {
	eventlog.Store
	eventlog.MultiAppender
	eventlog.ReverseReader
	eventlog.Finder
}

func part(command string, s eventlog.Stream, version eventlog.Version, n int) eventlog.Write {
	return eventlog.Write{Stream: s, Version: version, Events: events(command, s, n)}
}

func allStreamsOrNone(t *testing.T, store capable) {
	add(t, store, "b-1", 0, 2)
	for _, stale := range []eventlog.Version{0, 1, 3} {
		_, err := store.AppendTogether(t.Context(), part("c", "a-1", 0, 1), part("c", "b-1", stale, 2), part("c", "c-1", 0, 1))
		wantKind(t, err, domain.Conflict)
	}
	if all := collect(t, store.ReadAll(t.Context(), 0)); len(all) != 2 {
		t.Fatalf("%d events are stored, want the first 2 only", len(all))
	}
	answers, err := store.AppendTogether(t.Context(), part("c", "a-1", 0, 1), part("c", "b-1", 2, 2), part("c", "c-1", 0, 1))
	if err != nil || len(answers) != 3 {
		t.Fatalf("answers = %+v, %v; want 3", answers, err)
	}
	all := collect(t, store.ReadAll(t.Context(), 0))[2:]
	for i, want := range []eventlog.Stream{"a-1", "b-1", "b-1", "c-1"} {
		if all[i].Stream != want {
			t.Errorf("event %d is of %s, want %s", i, all[i].Stream, want)
		}
	}
	for i, last := range []int{0, 2, 3} {
		if want := (eventlog.Appended{Version: all[last].Version, Position: all[last].Position}); answers[i] != want {
			t.Errorf("answer %d is %+v, want %+v", i, answers[i], want)
		}
	}
}

func togetherRepeat(t *testing.T, store capable) {
	both := []eventlog.Write{part("c", "a-1", 0, 2), part("c", "b-1", 0, 1)}
	first, err := store.AppendTogether(t.Context(), both...)
	if err != nil {
		t.Fatal(err)
	}
	add(t, store, "a-1", 2, 1)
	add(t, store, "b-1", 1, 1)
	again, err := store.AppendTogether(t.Context(), both...)
	if err != nil || !slices.Equal(again, first) {
		t.Errorf("the repeat gave %+v, %v; want %+v as before", again, err, first)
	}
	_, err = store.AppendTogether(t.Context(), both[0], part("c", "b-2", 0, 1)) // one is a repeat and one is not
	wantKind(t, err, domain.Conflict)
	if all := collect(t, store.ReadAll(t.Context(), 0)); len(all) != 5 {
		t.Errorf("%d events, want 5", len(all))
	}
}

func togetherLimits(t *testing.T, store capable) {
	many := make([]eventlog.Write, eventlog.MaxWrites+1)
	for name, writes := range map[string][]eventlog.Write{
		"none": nil, "too many": many, "the same stream twice": {part("c", "a-1", 0, 1), part("d", "a-1", 1, 1)},
		"one without events": {part("c", "a-1", 0, 1), {Stream: "a-2"}},
	} {
		if _, err := store.AppendTogether(t.Context(), writes...); err == nil || domain.KindOf(err) != domain.Invalid {
			t.Errorf("%s: err = %v, want kind Invalid", name, err)
		}
	}
	if all := collect(t, store.ReadAll(t.Context(), 0)); len(all) != 0 {
		t.Errorf("%d events are stored, want none", len(all))
	}
}

func togetherConcurrent(t *testing.T, store capable) {
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			command := string(rune('a' + w))
			for v := eventlog.Version(0); ; {
				_, err := store.AppendTogether(t.Context(), part(command, "x-1", v, 1), part(command, "y-1", v, 1))
				if domain.KindOf(err) != domain.Conflict || err == nil {
					if err != nil {
						t.Error(err)
					}
					return
				}
				v = eventlog.Version(len(collect(t, store.Read(t.Context(), "x-1", 0))))
			}
		})
	}
	wg.Wait()
	x, y := collect(t, store.Read(t.Context(), "x-1", 0)), collect(t, store.Read(t.Context(), "y-1", 0))
	wantVersions(t, x, 1, writers)
	wantVersions(t, y, 1, writers)
	for i := range x {
		if x[i].Meta.Command != y[i].Meta.Command || y[i].Position <= x[i].Position {
			t.Errorf("version %d is by %s in one stream and by %s in the other", i+1, x[i].Meta.Command, y[i].Meta.Command)
		}
	}
}

func backwardsIsReversed(t *testing.T, store capable) {
	fill(t, store, 60)
	add(t, store, "a-long", 0, 1_300)
	reversed := func(list []eventlog.Recorded) []eventlog.Recorded {
		list = slices.Clone(list)
		slices.Reverse(list)
		return list
	}
	all := collect(t, store.ReadAll(t.Context(), 0))
	wantSame(t, collect(t, store.ReadAllBack(t.Context(), eventlog.NewestPosition)), reversed(all))
	for _, i := range []int{0, 1, 600, len(all) - 1} {
		wantSame(t, collect(t, store.ReadAllBack(t.Context(), all[i].Position)), reversed(all[:i]))
	}
	long := collect(t, store.Read(t.Context(), "a-long", 0))
	wantSame(t, collect(t, store.ReadBack(t.Context(), "a-long", eventlog.NewestVersion)), reversed(long))
	for _, v := range []eventlog.Version{0, 1, 2, 700, 1_300, 1_301, 9_999} {
		wantSame(t, collect(t, store.ReadBack(t.Context(), "a-long", v)), reversed(long[:max(0, min(int(v)-1, len(long)))]))
	}
	mixed := events("c", "mixed-1", 13) // small ones, and then large ones that fill a reader's chunk
	for i := 10; i < len(mixed); i++ {
		mixed[i].Data = append(append([]byte(`"`), bytes.Repeat([]byte("x"), eventlog.PortableBytes/2)...), '"')
	}
	for i, e := range mixed {
		if _, err := store.Append(t.Context(), "mixed-1", eventlog.Version(i), e); err != nil {
			t.Fatal(err)
		}
	}
	wantSame(t, collect(t, store.ReadBack(t.Context(), "mixed-1", 99)), reversed(collect(t, store.Read(t.Context(), "mixed-1", 0))))
	if list := collect(t, store.ReadBack(t.Context(), "nobody-1", eventlog.NewestVersion)); len(list) != 0 {
		t.Errorf("%d events in an unknown stream", len(list))
	}
}

func backwardsEnds(t *testing.T, store capable) {
	add(t, store, "a-1", 0, 10)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, read := range map[string]func(context.Context) iter.Seq2[eventlog.Recorded, error]{
		"ReadBack":    func(ctx context.Context) iter.Seq2[eventlog.Recorded, error] { return store.ReadBack(ctx, "a-1", 5) },
		"ReadAllBack": func(ctx context.Context) iter.Seq2[eventlog.Recorded, error] { return store.ReadAllBack(ctx, 1<<40) },
	} {
		var last error
		for _, err := range read(ctx) {
			last = err
		}
		if !errors.Is(last, context.Canceled) {
			t.Errorf("%s ended with %v, want the context's error", name, last)
		}
		for range read(t.Context()) {
			break
		}
	}
	add(t, store, "a-1", 10, 1)
}

func findNewest(t *testing.T, store capable) {
	add(t, store, "a-1", 0, 3)
	want := collect(t, store.Read(t.Context(), "a-1", 0))[1]
	if got, ok, err := store.Find(t.Context(), want.ID); err != nil || !ok || !same(got, want) {
		t.Errorf("found %+v, %v, %v; want %+v", got, ok, err, want)
	}
	if _, ok, err := store.Find(t.Context(), eventlog.NewEventID("nobody", "a-1", 0)); ok || err != nil {
		t.Errorf("found an event that is not there (%v)", err)
	}
	again := eventlog.Pending{ID: want.ID, Type: "tested.v1", Data: []byte("{}")}
	if _, err := store.Append(t.Context(), "b-1", 0, again); err != nil {
		t.Fatal(err)
	}
	if got, ok, err := store.Find(t.Context(), want.ID); err != nil || !ok || got.Stream != "b-1" {
		t.Errorf("found %s, %v, %v; want the newer one in b-1", got.Stream, ok, err)
	}
}
