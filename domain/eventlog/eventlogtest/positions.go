package eventlogtest

import (
	"context"
	"iter"
	"slices"
	"sync"
	"testing"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// located is a store that finds events by position.
type located interface {
	eventlog.Store
	eventlog.PositionFinder
	eventlog.EndReader
}

func asLocated(t *testing.T, store eventlog.Store) located {
	t.Helper()
	l, ok := store.(located)
	if !ok {
		t.Fatal("the store does not implement eventlog.PositionFinder and eventlog.EndReader")
	}
	return l
}

// onlyPositions tries the numbers beside positions. A store whose positions are
// dense has none.
func onlyPositions(t *testing.T, store eventlog.Store) {
	log := asLocated(t, store)
	fill(t, store, 5)
	all := collect(t, store.ReadAll(t.Context(), 0))
	var none []eventlog.Position
	for i, r := range all[1:] {
		if before := all[i].Position; r.Position-before > 1 {
			none = append(none, before+1, r.Position-1)
		}
	}
	if first := all[0].Position; first > 1 {
		none = append(none, 1, first-1)
	}
	for _, p := range slices.Compact(none) {
		if _, ok, err := log.At(t.Context(), p); ok || err != nil {
			continue // an event of the store's own, which fill did not write
		}
		for name, seq := range map[string]iter.Seq2[eventlog.Recorded, error]{
			"ReadAll": store.ReadAll(t.Context(), p), "ReadAll by category": store.ReadAll(t.Context(), p, "a"),
			"Subscribe": store.Subscribe(t.Context(), p), "Subscribe by category": store.Subscribe(t.Context(), p, "a"),
		} {
			yielded := 0
			for r, err := range seq {
				if yielded++; err == nil {
					t.Errorf("%s above %d, which is no position, yielded the event at %d", name, p, r.Position)
					break
				}
				wantKind(t, err, domain.Invalid)
			}
			if yielded != 1 {
				t.Errorf("%s above %d, which is no position, yielded %d times, want one error", name, p, yielded)
			}
		}
	}
}

func positionOfAnotherCategory(t *testing.T, store eventlog.Store) {
	fill(t, store, 20)
	all := collect(t, store.ReadAll(t.Context(), 0))
	for i := 0; i < len(all)-1; i += 11 {
		var want []eventlog.Recorded
		for _, r := range all[i+1:] {
			if r.Stream.Category() == "b" {
				want = append(want, r)
			}
		}
		wantSame(t, collect(t, store.ReadAll(t.Context(), all[i].Position, "b")), want)
		if len(want) == 0 {
			continue // a subscription would wait for what never comes
		}
		got, err := take(t.Context(), len(want), func(ctx context.Context) iter.Seq2[eventlog.Recorded, error] {
			return store.Subscribe(ctx, all[i].Position, "b")
		})
		if err != nil {
			t.Fatal(err)
		}
		wantSame(t, got, want)
	}
}

func atFindsEvents(t *testing.T, store eventlog.Store) {
	log := asLocated(t, store)
	fill(t, store, 5)
	all := collect(t, store.ReadAll(t.Context(), 0))
	for _, want := range all {
		have, ok, err := log.At(t.Context(), want.Position)
		if err != nil || !ok || !same(have, want) {
			t.Fatalf("at %d is %+v, %t, %v; want %+v", want.Position, have, ok, err, want)
		}
	}
	end, err := log.End(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := log.At(t.Context(), end); !ok || err != nil {
		t.Errorf("at the end, %d, there is no event: %t, %v", end, ok, err)
	}
	for _, p := range []eventlog.Position{0, end + 1, end + 1_000_000} {
		if r, ok, err := log.At(t.Context(), p); ok || err != nil {
			t.Errorf("at %d is %+v, %t, %v; want nothing", p, r, ok, err)
		}
	}
	mark := eventlog.Checkpoint{Event: eventlog.MarkOf(all[3])}
	if got, ok, err := mark.Resume(t.Context(), log); err != nil || !ok || got != mark {
		t.Errorf("a checkpoint of the log resumes at %+v, %t, %v; want %+v", got, ok, err, mark)
	}
	other := mark
	other.Event.ID[0]++
	if got, ok, err := other.Resume(t.Context(), log); err != nil || ok || got != (eventlog.Checkpoint{}) {
		t.Errorf("a checkpoint of another log resumes at %+v, %t, %v; want the beginning", got, ok, err)
	}
}

// watermarks checks that a subscriber to one category learns that the log went
// on in another, and that no watermark claims too much.
func watermarks(t *testing.T, store eventlog.Store) {
	log := asLocated(t, store)
	w, ok := store.(eventlog.Watermarked)
	if !ok {
		t.Fatal("the store does not implement eventlog.Watermarked")
	}
	add(t, store, "mine-1", 0, 2)
	add(t, store, "others-1", 0, 1_500)
	end, err := log.End(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var later sync.WaitGroup
	defer later.Wait()
	var got []eventlog.Recorded
	var last eventlog.Watermark
	reached := false
	passed := func(m eventlog.Watermark) {
		if m.Position < last.Position || last.CaughtUp && !m.CaughtUp {
			t.Errorf("the watermark %+v follows %+v", m, last)
		}
		if last = m; m.CaughtUp && m.Position >= end && !reached {
			reached = true
			if len(got) != 2 {
				t.Errorf("caught up after %d events, want 2", len(got))
			}
			later.Go(func() {
				if _, err := store.Append(t.Context(), "mine-1", 2, events("later", "mine-1", 1)...); err != nil {
					t.Error(err)
				}
			})
		}
	}
	for r, err := range w.SubscribeWatermarked(ctx, 0, passed, "mine") {
		if err != nil {
			t.Fatalf("after %d events and the watermark %+v, the end being %d: %v", len(got), last, end, err)
		}
		if r.Position <= last.Position {
			t.Errorf("the event at %d follows the watermark %d", r.Position, last.Position)
		}
		if got = append(got, r); len(got) == 3 {
			break
		}
	}
	if _, ok, err := log.At(t.Context(), last.Position); err != nil || !ok {
		t.Errorf("the watermark %d is no position: %t, %v", last.Position, ok, err)
	}
	if more := collect(t, store.ReadAll(t.Context(), last.Position, "others")); len(more) > 0 && last.Position >= end {
		t.Errorf("%d events lie above a watermark at the end", len(more))
	}
}

func caughtUpComesByItself(t *testing.T, store eventlog.Store) {
	w, ok := store.(eventlog.Watermarked)
	if !ok {
		t.Fatal("the store does not implement eventlog.Watermarked")
	}
	for _, before := range []int{0, 3} { // an empty log, and one in which the subscriber has nothing
		if before > 0 {
			add(t, store, "others-1", 0, before)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		caughtUp := false
		for r, err := range w.SubscribeWatermarked(ctx, 0, func(m eventlog.Watermark) {
			if m.CaughtUp {
				caughtUp = true
				cancel()
			}
		}, "mine") {
			if err == nil {
				t.Errorf("an event of %s was yielded", r.Stream)
			}
		}
		cancel()
		if !caughtUp {
			t.Errorf("with %d events of others there was no watermark that says caught up", before)
		}
	}
}

// RunTruncated exercises stores whose streams can lose their beginning; truncate
// removes the events of a stream below a version.
func RunTruncated(t *testing.T, open func(testing.TB) (store eventlog.Store, truncate func(s eventlog.Stream, below eventlog.Version))) {
	t.Run("Read/AMissingBeginningIsIncomplete", func(t *testing.T) {
		store, truncate := open(t)
		add(t, store, "a-1", 0, 7)
		add(t, store, "a-2", 0, 7)
		truncate("a-1", 5)
		for above, want := range map[eventlog.Version]int{0: 0, 3: 0, 4: 3, 6: 1, 7: 0} {
			n := 0
			var failed error
			for _, err := range store.Read(t.Context(), "a-1", above) {
				if failed = err; err == nil {
					n++
				}
			}
			if n != want {
				t.Errorf("above %d: %d events, want %d", above, n, want)
			}
			if incomplete := above < 4; incomplete {
				wantKind(t, failed, domain.Incomplete)
			} else if failed != nil {
				t.Errorf("above %d: %v", above, failed)
			}
		}
		wantVersions(t, collect(t, store.Read(t.Context(), "a-2", 0)), 1, 7)
	})
	t.Run("Position/OfAScavengedEventIsOne", func(t *testing.T) {
		store, truncate := open(t)
		add(t, store, "a-1", 0, 7)
		add(t, store, "b-1", 0, 2)
		all := collect(t, store.ReadAll(t.Context(), 0))
		truncate("a-1", 5)
		for i, r := range all[:4] {
			list := collect(t, store.ReadAll(t.Context(), r.Position, "a", "b"))
			if len(list) < 5 {
				t.Errorf("above event %d, which is gone: %d events, want those behind it", i, len(list))
			}
		}
	})
	t.Run("Checkpoint/OfAScavengedEventIsProvenByWhatWasPassed", func(t *testing.T) {
		store, truncate := open(t)
		log := asLocated(t, store)
		add(t, store, "a-1", 0, 7)
		add(t, store, "b-1", 0, 2)
		all := collect(t, store.ReadAll(t.Context(), 0))
		mine, passed := eventlog.MarkOf(all[1]), eventlog.MarkOf(all[8])
		unlike := passed
		unlike.ID[0]++
		truncate("a-1", 5)
		_, kept, err := log.At(t.Context(), mine.Position) // one that is hidden may be found still
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			saved eventlog.Checkpoint
			ok    bool
			above eventlog.Position
		}{
			{eventlog.Checkpoint{Event: mine, Passed: passed}, true, passed.Position},
			{eventlog.Checkpoint{Event: eventlog.Mark{Position: mine.Position}, Passed: passed}, true, passed.Position},
			{eventlog.Checkpoint{Event: mine}, kept, mine.Position},
			{eventlog.Checkpoint{Event: mine, Passed: unlike}, kept, mine.Position},
			{eventlog.Checkpoint{Event: mine, Passed: eventlog.Mark{Position: passed.Position}}, kept, mine.Position},
			{eventlog.Checkpoint{Event: eventlog.Mark{Position: all[6].Position, ID: mine.ID}, Passed: passed}, false, 0}, // another event is there
		} {
			above, ok, err := c.saved.Resume(t.Context(), log)
			if want := c.ok; err != nil || ok != want || ok && above.Position() != c.above || !ok && above != (eventlog.Checkpoint{}) {
				t.Errorf("%+v resumes at %+v, %t, %v; want %d, %t", c.saved, above, ok, err, c.above, want)
			}
		}
	})
}
