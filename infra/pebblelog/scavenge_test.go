package pebblelog_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/eventlog/eventlogtest"
	"orderflow/infra/pebblelog"
)

func TestTruncated(t *testing.T) {
	eventlogtest.RunTruncated(t, func(t testing.TB) (eventlog.Store, func(eventlog.Stream, eventlog.Version)) {
		log := open(t, "log", pebblelog.Options{FS: vfs.NewMem(), IndexIDs: true})
		return log, func(s eventlog.Stream, below eventlog.Version) {
			if _, err := log.RemoveBelow(t.Context(), s, below); err != nil {
				t.Error(err)
			}
		}
	})
}

// kept is what a log must hold after events were removed.
type kept struct {
	heads, first map[eventlog.Stream]eventlog.Version
}

// agrees holds a log against it, by stream, by category and whole, both ways.
func (k kept) agrees(t *testing.T, log *pebblelog.Log) {
	t.Helper()
	want := 0
	for s, head := range k.heads {
		first := max(k.first[s], 1)
		want += int(head-first) + 1
		if got, err := log.FirstVersion(t.Context(), s); err != nil || got != first {
			t.Errorf("the first version of %s is %d, %v; want %d", s, got, err, first)
		}
		next := first
		for r, err := range log.Read(t.Context(), s, first-1) {
			if err != nil || r.Version != next || string(r.Data) != data(s, r.Version) {
				t.Fatalf("%s holds version %d %q, %v; want %d", s, r.Version, r.Data, err, next)
			}
			next++
		}
		if next != head+1 {
			t.Errorf("%s ends at version %d, want %d", s, next-1, head)
		}
		back := head
		for r, err := range log.ReadBack(t.Context(), s, eventlog.NewestVersion) {
			if err != nil || r.Version != back {
				t.Fatalf("%s holds version %d backwards, %v; want %d", s, r.Version, err, back)
			}
			back--
		}
		if back != first-1 {
			t.Errorf("%s begins with version %d backwards, want %d", s, back+1, first)
		}
		for _, err := range log.Read(t.Context(), s, 0) {
			if kind := domain.KindOf(err); first > 1 && (err == nil || kind != domain.Incomplete) || first == 1 && err != nil {
				t.Errorf("%s without versions below %d is read as %v", s, first, err)
			}
			break
		}
		if _, err := log.Append(t.Context(), s, head-1, event(s, head+1)); head > 1 && domain.KindOf(err) != domain.Conflict {
			t.Errorf("an append to %s at %d, which is at %d: %v", s, head-1, head, err)
		}
		for v := eventlog.Version(0); v < first-1; v++ { // what was removed cannot be recognised any more
			if _, err := log.Append(t.Context(), s, v, event(s, v+1)); domain.KindOf(err) != domain.Conflict {
				t.Errorf("an append to %s at %d, which is at %d: %v", s, v, head, err)
			}
		}
	}
	for name, n := range map[string]int{
		"ReadAll": count(t, log.ReadAll(t.Context(), 0)), "by category": count(t, log.ReadAll(t.Context(), 0, "a", "b", "c")),
		"backwards": count(t, log.ReadAllBack(t.Context(), eventlog.NewestPosition)),
	} {
		if n != want {
			t.Errorf("%s yields %d events, want %d", name, n, want)
		}
	}
	report, err := log.Verify(t.Context(), func(_, _ eventlog.Position) {})
	if err != nil || !report.OK() || report.Events != int64(want) {
		t.Errorf("verified: %+v, %v; want %d events", report, err, want)
	}
}

func count(t *testing.T, seq func(func(eventlog.Recorded, error) bool)) (n int) {
	t.Helper()
	for _, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// data is text that hardly compresses.
func data(s eventlog.Stream, v eventlog.Version) string {
	text := fmt.Sprintf("%s %d ", s, v)
	for i := range 12 {
		text += fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, s, v, i)))
	}
	return text
}

func event(s eventlog.Stream, v eventlog.Version) eventlog.Pending {
	return eventlog.Pending{ID: eventlog.NewEventID("scavenged", s, int(v)), Type: "tested.v1", Data: []byte(data(s, v))}
}

// TestScavengeLosesNothingElse removes the beginnings of streams while others
// append, cuts the power in between, and compares what is left with a model.
func TestScavengeLosesNothingElse(t *testing.T) {
	for seed := range fewer(t, 60) {
		rng := rand.New(rand.NewPCG(seed, 7))
		fs := vfs.NewCrashableMem()
		options := func() pebblelog.Options { o := small(fs); o.IndexIDs = seed%2 == 0; return o }
		k := kept{map[eventlog.Stream]eventlog.Version{}, map[eventlog.Stream]eventlog.Version{}}
		log, err := pebblelog.Open(logDir, options())
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			for range 40 {
				s := eventlog.Stream(fmt.Sprintf("%c-%d", "abc"[rng.IntN(3)], rng.IntN(3)))
				n := 1 + rng.IntN(5)
				var events []eventlog.Pending
				for i := range n {
					events = append(events, event(s, k.heads[s]+eventlog.Version(i)+1))
				}
				if _, err := log.Append(t.Context(), s, k.heads[s], events...); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				k.heads[s] += eventlog.Version(n)
			}
			for s, head := range k.heads {
				if rng.IntN(2) == 0 {
					continue
				}
				below := 1 + eventlog.Version(rng.Int64N(int64(head)+3))
				if _, err := log.RemoveBelow(t.Context(), s, below); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				first, err := log.FirstVersion(t.Context(), s) // what is above the checkpoint stays for the next time
				if err != nil || first > max(min(below, head), k.first[s], 1) {
					t.Fatalf("seed %d: %s of %d events was removed below %d, asked below %d; %v", seed, s, head, first, below, err)
				}
				k.first[s] = first
			}
			if rng.IntN(2) == 0 {
				if err := log.GiveBack(t.Context()); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
			}
			if rng.IntN(2) == 0 { // the power fails
				left := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
				_ = log.Close()
				fs = left
			} else if err := log.Close(); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if log, err = pebblelog.Open(logDir, options()); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if k.agrees(t, log); t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		report, err := pebblelog.Verify(t.Context(), logDir, options(), func(_, _ eventlog.Position) {})
		if err != nil || !report.OK() {
			t.Fatalf("seed %d: verified at rest: %+v, %v", seed, report, err)
		}
	}
}

// TestScavengeGivesBack reports the bytes of a log of which nine tenths are
// removed, and what appends beside it wait.
func TestScavengeGivesBack(t *testing.T) {
	o := small(nil)
	o.IndexIDs = true
	log := open(t, t.TempDir(), o)
	const streams, events = 10, 3_000
	for s := range streams {
		name := eventlog.Stream(fmt.Sprintf("a-%d", s))
		for v := eventlog.Version(0); v < events; v += 50 {
			var batch []eventlog.Pending
			for i := range eventlog.Version(50) {
				batch = append(batch, event(name, v+i+1))
			}
			if _, err := log.Append(t.Context(), name, v, batch...); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := log.GiveBack(t.Context()); err != nil { // so that what follows is the removal's doing
		t.Fatal(err)
	}
	before, err := log.Bytes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	var removed int64
	for s := range streams - 1 { // the newest stream holds the checkpoint's event
		n, err := log.RemoveBelow(t.Context(), eventlog.Stream(fmt.Sprintf("a-%d", s)), events)
		if err != nil {
			t.Fatal(err)
		}
		removed += n
	}
	if want := int64((streams - 1) * (events - 1)); removed != want {
		t.Errorf("%d events were removed, want %d", removed, want)
	}
	if err := log.GiveBack(t.Context()); err != nil {
		t.Fatal(err)
	}
	after, err := log.Bytes(t.Context())
	if err != nil || after > before/4 {
		t.Errorf("of %d bytes %d are left: %v", before, after, err)
	}
	t.Logf("%d events removed in %v: %d bytes, then %d", removed, time.Since(begun), before, after)
}

// TestCloseEndsAScavenge closes a log whose tables are being rewritten.
func TestCloseEndsAScavenge(t *testing.T) {
	log, err := pebblelog.Open(logDir, pebblelog.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Append(t.Context(), "a-1", 0, event("a-1", 1)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		for {
			if err := log.GiveBack(ctx); err != nil {
				ended <- err
				return
			}
		}
	}()
	if err := log.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; domain.KindOf(err) != domain.Unavailable {
		t.Error(err)
	}
}

// TestRemovalsBesideEachOther removes less and more of a stream at once: the
// first version that is left never goes back.
func TestRemovalsBesideEachOther(t *testing.T) {
	log := open(t, "log", pebblelog.Options{FS: vfs.NewMem(), IndexIDs: true})
	const rounds, events = 40, 100
	for round := range rounds {
		s := eventlog.Stream(fmt.Sprintf("a-%d", round))
		var batch []eventlog.Pending
		for v := range eventlog.Version(events) {
			batch = append(batch, event(s, v+1))
		}
		if _, err := log.Append(t.Context(), s, 0, batch...); err != nil {
			t.Fatal(err)
		}
		if _, err := log.RemoveBelow(t.Context(), s, 2); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for below := eventlog.Version(10); below <= 90; below += 10 {
			wg.Go(func() {
				if _, err := log.RemoveBelow(t.Context(), s, below); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if first, err := log.FirstVersion(t.Context(), s); err != nil || first != 90 {
			t.Fatalf("round %d: the first version is %d, want 90: %v", round, first, err)
		}
		if n := count(t, log.Read(t.Context(), s, 89)); n != events-89 {
			t.Fatalf("round %d: %d events are left, want %d", round, n, events-89)
		}
	}
}

// TestScavengedStreamsAreListed by name, of some categories or all, and counted
// beyond what is listed.
func TestScavengedStreamsAreListed(t *testing.T) {
	log := open(t, "log", pebblelog.Options{FS: vfs.NewMem(), IndexIDs: true})
	if list, total, err := log.TruncatedStreams(t.Context()); err != nil || total != 0 || len(list) != 0 {
		t.Errorf("%v, %d, %v; want none", list, total, err)
	}
	remove := func(s eventlog.Stream, below eventlog.Version) {
		t.Helper()
		if _, err := log.Append(t.Context(), s, 0, event(s, 1), event(s, 2), event(s, 3)); err != nil {
			t.Fatal(err)
		}
		if _, err := log.RemoveBelow(t.Context(), s, below); err != nil {
			t.Fatal(err)
		}
	}
	remove("a-long-name", 3)
	remove("b-1", 2)
	remove("a-whole", 1)
	remove("c-1", 2)
	want := []eventlog.Truncated{{Stream: "a-long-name", How: "scavenged below version 3"}, {Stream: "b-1", How: "scavenged below version 2"}}
	if list, total, err := log.TruncatedStreams(t.Context(), "a", "b"); err != nil || total != 2 || !slices.Equal(list, want) {
		t.Errorf("%v, %d, %v; want %v", list, total, err, want)
	}
	for i := range eventlog.MaxTruncated {
		remove(eventlog.Stream(fmt.Sprintf("d-%d", i)), 2)
	}
	list, total, err := log.TruncatedStreams(t.Context())
	if err != nil || total != eventlog.MaxTruncated+3 || len(list) != eventlog.MaxTruncated || list[0] != want[0] {
		t.Errorf("%d of %d are listed, %v", len(list), total, err)
	}
}
