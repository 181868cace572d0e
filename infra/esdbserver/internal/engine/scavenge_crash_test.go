package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/pebblelog"
)

// crashingLog counts the steps of a scavenge, and lets the power fail at one.
type crashingLog struct {
	*pebblelog.Log
	steps atomic.Int64
	at    int64
	fails func()
}

func (l *crashingLog) step() {
	if l.steps.Add(1) == l.at {
		l.fails()
	}
}

func (l *crashingLog) RemoveBelow(ctx context.Context, s eventlog.Stream, below eventlog.Version) (int64, error) {
	n, err := l.Log.RemoveBelow(ctx, s, below)
	l.step()
	return n, err
}

func (l *crashingLog) GiveBack(ctx context.Context) error {
	l.step() // what was removed is there, its space not yet given back
	return l.Log.GiveBack(ctx)
}

func openCrashing(t *testing.T, fs vfs.FS) *pebblelog.Log {
	t.Helper()
	plenty := pebblelog.Disk{Usage: func() (vfs.DiskUsage, error) {
		return vfs.DiskUsage{AvailBytes: 1 << 40, TotalBytes: 1 << 41}, nil
	}}
	log, err := pebblelog.Open("log", pebblelog.Options{FS: fs, IndexIDs: true, LongNames: true, MemTableBytes: 256 << 10, CacheBytes: 1 << 20, Disk: plenty})
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// crashStreams are what the test truncates, and how; "" leaves a stream whole.
var crashStreams = []struct{ name, metadata string }{
	{"count", `{"$maxCount":10}`}, {"below", `{"$tb":2400}`}, {"whole", ""}, {"deleted", "deleted"}, {"ended", "ended"},
}

const crashEvents = 2_500 // in each stream: several steps of a scavenge

func fillCrashing(t *testing.T, e *engine.Engine) {
	t.Helper()
	for _, s := range crashStreams {
		for from := 0; from < crashEvents; from += 100 {
			var names []string
			for i := range 100 {
				names = append(names, fmt.Sprint(s.name, from+i))
			}
			must(t, e, s.name, engine.Any, events(names...))
		}
		var err error
		switch s.metadata {
		case "":
		case "deleted":
			_, err = e.Delete(ctx(t), s.name, engine.Any)
		case "ended":
			_, err = e.Tombstone(ctx(t), s.name, engine.Any)
		default:
			must(t, e, "$$"+s.name, engine.Any, metadata(s.metadata))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// everythingShown returns what readers get of the streams, both ways.
func everythingShown(e *engine.Engine) (all []string) {
	for _, s := range crashStreams {
		for _, name := range []string{s.name, "$$" + s.name} {
			for _, back := range []bool{false, true} {
				from := int64(0)
				if back {
					from = engine.NewestNumber
				}
				for r, err := range e.ReadStream(context.Background(), name, from, engine.Span{Max: 10_000, Backwards: back}) {
					if err != nil {
						all = append(all, fmt.Sprint(name, err))
						continue
					}
					all = append(all, fmt.Sprint(name, r.Event.Number, r.Event.ID, r.Event.Position, string(r.Event.Data)))
				}
			}
			last, err := e.LastNumber(context.Background(), name)
			all = append(all, fmt.Sprint(name, last, err))
		}
	}
	return all
}

// TestScavengeSurvivesPowerFailures lets the power fail at each of ten moments
// of a scavenge, while others append. Nothing that was shown before is missing
// or changed, what was acknowledged is there, streams go on with their numbers,
// the log is sound, and the next scavenge does the rest and leaves nothing.
func TestScavengeSurvivesPowerFailures(t *testing.T) {
	const crashes = 10
	for crash := range crashes {
		seed := uint64(crash)
		rng := rand.New(rand.NewPCG(seed, 11))
		fs := vfs.NewCrashableMem()
		disk := openCrashing(t, fs)
		log := &crashingLog{Log: disk, at: int64(crash) + 1}
		e := engine.New(log, engine.Options{})
		fillCrashing(t, e)
		before := everythingShown(e)

		// Others append until the power fails, and know what was acknowledged then.
		var left *vfs.MemFS
		var known, acked int64
		var counting sync.Mutex
		log.fails = func() {
			counting.Lock()
			known = acked
			counting.Unlock()
			left = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
		}
		done, stop := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if w, err := e.Append(context.Background(), engine.Write{Stream: "beside", Expected: engine.Expected(i - 1), Events: events(fmt.Sprint("beside", i))}); err != nil || w.Number != int64(i) {
					t.Errorf("seed %d: append %d beside the scavenge: %+v, %v", seed, i, w, err)
					return
				}
				counting.Lock()
				acked++
				counting.Unlock()
			}
		}()
		_, err := e.Scavenge(ctx(t))
		close(stop)
		<-done
		e.Close()
		if err := disk.Close(); err != nil {
			t.Fatal(err)
		}
		if err != nil || left == nil {
			t.Fatalf("seed %d: the scavenge had %d steps: %v", seed, log.steps.Load(), err)
		}

		disk = openCrashing(t, left)
		e = engine.New(disk, engine.Options{})
		if after := everythingShown(e); !slices.Equal(before, after) {
			t.Fatalf("seed %d: %d things are shown after the failure, %d before, or others", seed, len(after), len(before))
		}
		if last, err := e.LastNumber(ctx(t), "beside"); err != nil || last < known-1 {
			t.Errorf("seed %d: %d appends were acknowledged, and the last number is %d: %v", seed, known, last, err)
		}
		for i, want := range []int64{crashEvents, crashEvents, crashEvents} {
			if w := must(t, e, crashStreams[i].name, engine.Expected(want-1), events("next of "+crashStreams[i].name)); w.Number != want {
				t.Errorf("seed %d: %s goes on with %d, want %d", seed, crashStreams[i].name, w.Number, want)
			}
		}
		if w := must(t, e, "deleted", engine.Any, events("again")); w.Number != crashEvents {
			t.Errorf("seed %d: the deleted stream begins again with %d", seed, w.Number)
		}
		if _, err := e.Scavenge(ctx(t)); err != nil {
			t.Fatalf("seed %d: the next scavenge: %v", seed, err)
		}
		for s, first := range map[eventlog.Stream]eventlog.Version{
			"count": crashEvents - 8, "below": 2401, "whole": 1, "deleted": crashEvents + 1, "ended": crashEvents + 1,
		} {
			if got, err := disk.FirstVersion(ctx(t), s); err != nil || got != first {
				t.Errorf("seed %d: %s begins with version %d after the next scavenge, want %d: %v", seed, s, got, first, err)
			}
		}
		if again, err := e.Scavenge(ctx(t)); err != nil || again.Events != 0 {
			t.Errorf("seed %d: a third scavenge removed %d events: %v", seed, again.Events, err)
		}
		report, err := disk.Verify(ctx(t), func(_, _ eventlog.Position) {})
		if err != nil || !report.OK() {
			t.Errorf("seed %d: verified: %+v, %v", seed, report, err)
		}
		e.Close()
		if err := disk.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
