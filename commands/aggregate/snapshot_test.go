package aggregate_test

import (
	"errors"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"orderflow/commands/aggregate"
	"orderflow/commands/aggregate/aggregatetest"
	"orderflow/domain/eventlog"
	"orderflow/infra/memory"
)

const long = eventlog.Stream("tally-1")

// grow appends n events through an aggregate that keeps snapshots.
func grow(t aggregatetest.Tester, s eventlog.Store, keep *aggregate.Snapshotting[tally], from, n int) aggregate.Stats {
	t.Helper()
	a := newTally(s, inPlace, aggregate.Options[tally]{Snapshots: keep, SingleWriter: true})
	for i := range n {
		id := strconv.Itoa(from + i)
		_, err := a.Do(ctx(), long, cause(id), add(id, 1), nil)
		aggregatetest.Must(t, err)
	}
	a.Close()
	return a.Stats()
}

func load(t aggregatetest.Tester, s eventlog.Store, keep *aggregate.Snapshotting[tally]) (tally, eventlog.Version, aggregate.Stats) {
	t.Helper()
	a := newTally(s, inPlace, aggregate.Options[tally]{Snapshots: keep})
	defer a.Close()
	got, version, err := a.Load(ctx(), long)
	aggregatetest.Must(t, err)
	return got, version, a.Stats()
}

func TestSnapshotAndTailAreTheReplay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := memory.New()
		keep := snapshots(log, "1", eventlog.Version(rapid.IntRange(1, 20).Draw(t, "every")))
		n := 0
		for range rapid.IntRange(1, 3).Draw(t, "processes") {
			more := rapid.IntRange(1, 40).Draw(t, "events")
			grow(t, log, keep, n, more)
			n += more
		}
		got, version, stats := load(t, log, keep)
		want, at := replay(log, long)
		if !same(got, want) || version != at {
			t.Fatalf("%+v at %d, want %+v at %d", got, version, want, at)
		}
		if int(keep.Every) <= n && stats.SnapshotsRead != 1 {
			t.Fatalf("%d events, a snapshot every %d, and none was used", n, keep.Every)
		}
	})
}

func TestSnapshotThatDoesNotFitIsIgnored(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, s *memory.Log, keep *aggregate.Snapshotting[tally]) (eventlog.Store, *aggregate.Snapshotting[tally]){
		"other schema": func(_ *testing.T, s *memory.Log, keep *aggregate.Snapshotting[tally]) (eventlog.Store, *aggregate.Snapshotting[tally]) {
			return s, snapshots(s, "2", keep.Every)
		},
		"unreadable state": func(_ *testing.T, s *memory.Log, keep *aggregate.Snapshotting[tally]) (eventlog.Store, *aggregate.Snapshotting[tally]) {
			keep.Decode = func([]byte) (tally, error) { return tally{}, errors.New("unreadable") }
			return s, keep
		},
		"too short": func(t *testing.T, s *memory.Log, keep *aggregate.Snapshotting[tally]) (eventlog.Store, *aggregate.Snapshotting[tally]) {
			aggregatetest.Must(t, s.SaveSnapshot(ctx(), long, "1", 10, []byte("short")))
			return s, keep
		},
		"another history": func(t *testing.T, _ *memory.Log, keep *aggregate.Snapshotting[tally]) (eventlog.Store, *aggregate.Snapshotting[tally]) {
			other := memory.New()
			grow(t, other, nil, 100, 30)
			return other, keep
		},
		"a log set back": func(t *testing.T, _ *memory.Log, keep *aggregate.Snapshotting[tally]) (eventlog.Store, *aggregate.Snapshotting[tally]) {
			other := memory.New()
			grow(t, other, nil, 0, 3)
			return other, keep
		},
	} {
		t.Run(name, func(t *testing.T) {
			log := memory.New()
			keep := snapshots(log, "1", 10)
			if got := grow(t, log, keep, 0, 30).SnapshotsSaved; got == 0 {
				t.Fatal("no snapshot was saved")
			}
			store, keep := spoil(t, log, keep)
			got, _, stats := load(t, store, keep)
			if want, _ := replay(store, long); !same(got, want) || stats.SnapshotsRead != 0 {
				t.Errorf("%+v after %d snapshots, want %+v and none", got, stats.SnapshotsRead, want)
			}
		})
	}
}

func TestFailedSnapshotHarmsNobody(t *testing.T) {
	log := memory.New()
	keep := snapshots(log, "1", 10)
	keep.Encode = func(tally) ([]byte, error) { return nil, errors.New("no") }
	if stats := grow(t, log, keep, 0, 30); stats.SnapshotsFailed == 0 || stats.SnapshotsSaved != 0 {
		t.Errorf("%+v", stats)
	}
}
