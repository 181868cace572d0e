package eventlogtest

import (
	"context"
	"iter"
	"testing"
	"time"

	"orderflow/domain/eventlog"
)

// copyKeepsItsTime appends what was recorded first in another log: every read
// shows when that was, to the nanosecond. What is no time counts for nothing.
func copyKeepsItsTime(t *testing.T, store eventlog.Store) {
	at := time.Date(2011, 12, 9, 12, 50, 0, 123_456_789, time.UTC)
	list := events("copied", "a-1", 3)
	list[1].Meta.Recorded = eventlog.RecordedText(at)
	list[2].Meta.Recorded = "yesterday"
	if _, err := store.Append(t.Context(), "a-1", 0, list...); err != nil {
		t.Fatal(err)
	}
	subscribed, err := take(t.Context(), 3, func(ctx context.Context) iter.Seq2[eventlog.Recorded, error] { return store.Subscribe(ctx, 0) })
	if err != nil {
		t.Fatal(err)
	}
	all := collect(t, store.ReadAll(t.Context(), 0, "a"))
	for name, got := range map[string][]eventlog.Recorded{
		"Read": collect(t, store.Read(t.Context(), "a-1", 0)), "ReadAll": all, "Subscribe": subscribed,
	} {
		wantSame(t, got, all)
		if !got[1].At.Equal(at) || got[1].Meta != list[1].Meta {
			t.Errorf("%s shows the copied event as of %s with %+v, want %s", name, got[1].At, got[1].Meta, at)
		}
		for _, i := range []int{0, 2} {
			if got[i].At.Equal(at) || got[i].At.Year() < 2000 || got[i].Meta != list[i].Meta {
				t.Errorf("%s shows event %d as of %s with %+v, want the store's own time", name, i, got[i].At, got[i].Meta)
			}
		}
	}
	if log, ok := store.(eventlog.PositionFinder); ok {
		found, ok, err := log.At(t.Context(), all[1].Position)
		if err != nil || !ok || !same(found, all[1]) {
			t.Errorf("At shows the copied event as %+v, %t, %v", found, ok, err)
		}
	}
}
