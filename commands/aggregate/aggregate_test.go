package aggregate_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"orderflow/commands/aggregate"
	"orderflow/commands/aggregate/aggregatetest"
	"orderflow/domain"
	"orderflow/domain/decider"
	"orderflow/domain/eventlog"
	"orderflow/infra/memory"
)

func cause(id string) aggregate.Cause { return aggregate.Cause{Command: id} }

// Whatever is cached, evicted, snapshotted or guessed in two processes, every
// command is answered as if there were one process and no cache.
func TestTwoProcessesDecideAsOne(t *testing.T) {
	for kind, d := range kinds() {
		t.Run(kind, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { decideAsOne(t, d) })
		})
	}
}

func decideAsOne(t *rapid.T, d decider.Decider[tally, added]) {
	log := memory.New()
	processes := make([]*aggregate.Aggregate[tally, added], 2)
	for i := range processes {
		o := aggregate.Options[tally]{CacheBytes: rapid.SampledFrom([]int{1, 4_000, 1 << 20}).Draw(t, "cache")}
		if rapid.Bool().Draw(t, "snapshots") {
			o.Snapshots = snapshots(log, rapid.SampledFrom([]string{"1", "2"}).Draw(t, "schema"), 3)
		}
		processes[i] = newTally(log, d, o)
		defer processes[i].Close()
	}
	model := map[eventlog.Stream]tally{}
	versions := map[eventlog.Stream]eventlog.Version{}
	for step := range rapid.IntRange(1, 40).Draw(t, "steps") {
		a := processes[rapid.IntRange(0, 1).Draw(t, "process")]
		s := rapid.SampledFrom([]eventlog.Stream{"tally-a", "tally-b", "tally-c"}).Draw(t, "stream")
		if rapid.IntRange(0, 4).Draw(t, "look") == 0 {
			got, version, err := a.Load(ctx(), s)
			if err != nil || !same(got, model[s]) || version != versions[s] {
				t.Fatalf("Load = %+v at %d, %v; want %+v at %d", got, version, err, model[s], versions[s])
			}
			continue
		}
		id := strconv.Itoa(rapid.IntRange(0, 9).Draw(t, "id"))
		decide := add(id, rapid.SliceOfN(rapid.IntRange(-3, 5), 0, 4).Draw(t, "numbers")...)
		// Some commands are sent again under one name, with these contents or others:
		// those may be answered as the first was, on the state of then.
		c := aggregate.Cause{Command: strconv.Itoa(step), Fresh: rapid.Bool().Draw(t, "fresh")}
		again := rapid.Bool().Draw(t, "again")
		if again {
			c.Command = "again " + id
		}
		got, result, err := a.Transact(ctx(), s, c, decide)
		events, want := decide(model[s])
		if (err == nil) != (want == nil) {
			t.Fatalf("err = %v, want %v", err, want)
		}
		model[s] = byValue.Fold(model[s], events...)
		versions[s] += eventlog.Version(len(events))
		if err == nil && again && len(events) == 0 {
			continue
		}
		if err == nil && (!same(got, model[s]) || result.Version != versions[s] || result.Events != len(events)) {
			t.Fatalf("Transact = %+v, %+v; want %+v at %d after %d events", got, result, model[s], versions[s], len(events))
		}
	}
	for s, want := range model {
		if got, _ := replay(log, s); !same(got, want) {
			t.Fatalf("the log folds to %+v, want %+v", got, want)
		}
	}
}

// Two processes with many writers each, on a few streams: every command that
// was answered is in the log exactly once.
func TestConcurrentWritersInTwoProcessesLoseNothing(t *testing.T) {
	const writers, each = 32, 30
	for kind, d := range kinds() {
		t.Run(kind, func(t *testing.T) {
			log := memory.New()
			processes := []*aggregate.Aggregate[tally, added]{
				newTally(log, d, aggregate.Options[tally]{CacheBytes: 1}),
				newTally(log, d, aggregate.Options[tally]{Snapshots: snapshots(log, "1", 50)}),
			}
			var all sync.WaitGroup
			for w := range writers {
				all.Go(func() {
					for i := range each {
						id := fmt.Sprintf("%d/%d", w, i)
						s := eventlog.Stream("tally-" + strconv.Itoa(rand.IntN(3)))
						got, _, err := processes[(w+i)%2].Transact(ctx(), s, cause(id), add(id, 1))
						for domain.KindOf(err) == domain.Conflict { // it lost too often
							got, _, err = processes[(w+i)%2].Transact(ctx(), s, cause(id), add(id, 1))
						}
						if err != nil || got.IDs[id] != 1 {
							t.Errorf("%s: the state after it has %d of it, %v", id, got.IDs[id], err)
						}
					}
				})
			}
			all.Wait()
			sum := 0
			for i := range 3 {
				got, n := replay(log, eventlog.Stream("tally-"+strconv.Itoa(i)))
				if int(n) != got.Sum {
					t.Errorf("%d events sum up to %d", n, got.Sum)
				}
				sum += got.Sum
			}
			if sum != writers*each {
				t.Errorf("%d commands are in the log, want %d", sum, writers*each)
			}
			for _, p := range processes {
				p.Close()
			}
		})
	}
}

func TestNewStreamCostsOneAppendAndNoRead(t *testing.T) {
	s := aggregatetest.NewStore()
	a := newTally(s, byValue, aggregate.Options[tally]{})
	defer a.Close()
	_, r, err := a.Transact(ctx(), "tally-1", aggregate.Cause{Command: "c", Fresh: true}, add("x", 1, 2))
	aggregatetest.Must(t, err)
	if s.Reads.Load() != 0 || s.Appends.Load() != 1 || r != (aggregate.Result{Version: 2, Position: aggregatetest.End(t, s), Events: 2}) {
		t.Errorf("%d reads, %d appends, %+v", s.Reads.Load(), s.Appends.Load(), r)
	}
}

func TestWrongGuessOfANewStreamIsReadAndDecidedAgain(t *testing.T) {
	s := aggregatetest.NewStore()
	first, second := newTally(s, byValue, aggregate.Options[tally]{}), newTally(s, byValue, aggregate.Options[tally]{})
	defer first.Close()
	defer second.Close()
	_, _, err := first.Transact(ctx(), "tally-1", cause("c"), add("x", 5))
	aggregatetest.Must(t, err)
	got, r, err := second.Transact(ctx(), "tally-1", aggregate.Cause{Command: "d", Fresh: true}, add("y", 1))
	if err != nil || got.Sum != 6 || r.Version != 2 {
		t.Errorf("%+v at %d, %v", got, r.Version, err)
	}
	// What would be refused on the empty state is not refused before reading.
	third := newTally(s, byValue, aggregate.Options[tally]{})
	defer third.Close()
	if got, _, err = third.Transact(ctx(), "tally-1", aggregate.Cause{Command: "e", Fresh: true}, add("z", -6)); err != nil || got.Sum != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

// A guess that repeats the very append that made the stream is answered as
// then; what came after must not be forgotten over it.
func TestRepeatedFirstAppendDoesNotHideWhatFollowed(t *testing.T) {
	s := aggregatetest.NewStore()
	fresh := aggregate.Cause{Command: "c", Fresh: true}
	before := newTally(s, byValue, aggregate.Options[tally]{SingleWriter: true})
	_, _, err := before.Transact(ctx(), "tally-1", fresh, add("x", 1))
	aggregatetest.Must(t, err)
	_, _, err = before.Transact(ctx(), "tally-1", cause("d"), add("y", 1))
	aggregatetest.Must(t, err)
	before.Close()

	after := newTally(s, byValue, aggregate.Options[tally]{SingleWriter: true})
	defer after.Close()
	_, _, err = after.Transact(ctx(), "tally-1", fresh, add("x", 1))
	aggregatetest.Must(t, err)
	if got, version, err := after.Load(ctx(), "tally-1"); err != nil || version != 2 || got.Sum != 2 {
		t.Errorf("Load = %+v at %d, %v", got, version, err)
	}
}

// A process that made a stream by an append above everything stored knows
// where it ends and need not read it.
func TestAloneDoesNotReadWhatItMade(t *testing.T) {
	s := aggregatetest.NewStore()
	a := newTally(s, byValue, aggregate.Options[tally]{SingleWriter: true})
	defer a.Close()
	for range 2 { // the second time it is a repeat
		_, _, err := a.Transact(ctx(), "tally-1", aggregate.Cause{Command: "c", Fresh: true}, add("x", 1))
		aggregatetest.Must(t, err)
		got, version, err := a.Load(ctx(), "tally-1")
		if err != nil || version != 1 || got.Sum != 1 {
			t.Errorf("Load = %+v at %d, %v", got, version, err)
		}
	}
	if got := s.Reads.Load(); got != 0 {
		t.Errorf("%d reads, want none", got)
	}
}

// The same command with other contents, sent to two processes at once, must
// not make one of them believe its own contents were stored.
func TestSameCommandWithOtherContents(t *testing.T) {
	s := aggregatetest.NewStore()
	one, other := newTally(s, byValue, aggregate.Options[tally]{}), newTally(s, byValue, aggregate.Options[tally]{})
	defer one.Close()
	defer other.Close()
	for _, a := range []*aggregate.Aggregate[tally, added]{one, other} {
		_, _, err := a.Load(ctx(), "tally-1") // both know the stream as empty
		aggregatetest.Must(t, err)
	}
	_, _, err := one.Transact(ctx(), "tally-1", cause("c"), add("x", 1))
	aggregatetest.Must(t, err)
	if got, _, err := other.Transact(ctx(), "tally-1", cause("c"), add("x", 2)); err != nil || got.Sum != 1 {
		t.Errorf("the other process sees %+v, %v; stored was 1", got, err)
	}
}

func TestAloneReadsOnce(t *testing.T) {
	s := aggregatetest.NewStore()
	a := newTally(s, byValue, aggregate.Options[tally]{SingleWriter: true})
	defer a.Close()
	for i := range 10 {
		_, _, err := a.Transact(ctx(), "tally-1", cause(strconv.Itoa(i)), add(strconv.Itoa(i/2), 1))
		aggregatetest.Must(t, err)
		_, _, err = a.Load(ctx(), "tally-1")
		aggregatetest.Must(t, err)
	}
	if got := s.Reads.Load(); got != 1 {
		t.Errorf("%d reads, want 1", got)
	}
}

// A reader that an event has woken finds it in the state, even if the append that
// stored it has not come back yet; otherwise a saga would find nothing to do
// and its order stand still.
func TestWhoWasWokenByAnEventFindsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := aggregatetest.NewStore()
		a := newTally(s, byValue, aggregate.Options[tally]{SingleWriter: true})
		defer a.Close()
		_, _, err := a.Transact(ctx(), "tally-1", cause("1"), add("a", 1))
		aggregatetest.Must(t, err)
		woken := make(chan eventlog.Version, 1)
		s.OnAppend = func(next func() (eventlog.Appended, error)) (eventlog.Appended, error) {
			at, err := next() // from here on every reader of the log sees it
			go func() {
				_, v, err := a.Load(ctx(), "tally-1")
				aggregatetest.Must(t, err)
				woken <- v
			}()
			synctest.Wait() // a look that does not wait for the append has ended now
			return at, err
		}
		_, _, err = a.Transact(ctx(), "tally-1", cause("2"), add("b", 1))
		aggregatetest.Must(t, err)
		if v := <-woken; v != 2 {
			t.Errorf("woken by version 2, and found version %d", v)
		}
	})
}

func TestRecentSeldomReads(t *testing.T) {
	s := aggregatetest.NewStore()
	a := newTally(s, byValue, aggregate.Options[tally]{})
	defer a.Close()
	const loads = 1_000
	for range loads {
		_, _, err := a.Recent(ctx(), "tally-1")
		aggregatetest.Must(t, err)
	}
	if got := s.Reads.Load(); got > loads/10 {
		t.Errorf("%d reads for %d loads", got, loads)
	}
}

func TestCacheStaysInBounds(t *testing.T) {
	s := aggregatetest.NewStore()
	a := newTally(s, byValue, aggregate.Options[tally]{CacheBytes: 10_000, SingleWriter: true})
	defer a.Close()
	for i := range 100 {
		_, _, err := a.Transact(ctx(), eventlog.Stream(fmt.Sprintf("tally-%d", i)), cause("c"), add("x", 1))
		aggregatetest.Must(t, err)
	}
	if got := a.Stats().Evictions; got < 90 {
		t.Errorf("%d of 100 states were evicted", got)
	}
	reads := s.Reads.Load()
	_, _, err := a.Load(ctx(), "tally-99")
	aggregatetest.Must(t, err)
	if s.Reads.Load() != reads {
		t.Error("the state used last was evicted")
	}
}

func TestClosedAggregateRefuses(t *testing.T) {
	a := newTally(aggregatetest.NewStore(), byValue, aggregate.Options[tally]{})
	a.Close()
	_, _, err := a.Transact(ctx(), "tally-1", cause("c"), add("x", 1))
	aggregatetest.WantKind(t, err, domain.Unavailable)
}

func TestCauseIsBounded(t *testing.T) {
	a := newTally(aggregatetest.NewStore(), byValue, aggregate.Options[tally]{})
	defer a.Close()
	long := aggregate.Cause{Command: "c", Trace: string(make([]byte, domain.MaxNameBytes+1))}
	_, _, err := a.Transact(ctx(), "tally-1", long, add("x", 1))
	aggregatetest.WantKind(t, err, domain.Invalid)
}

func TestMetaTellsWhy(t *testing.T) {
	s := aggregatetest.NewStore()
	a := newTally(s, byValue, aggregate.Options[tally]{})
	defer a.Close()
	c := aggregate.Cause{Command: "c", Correlation: "o", Causation: "e", Actor: "a", Trace: "t"}
	_, _, err := a.Transact(ctx(), "tally-1", c, add("x", 1))
	aggregatetest.Must(t, err)
	for r := range s.Log.Read(ctx(), "tally-1", 0) {
		if r.Meta != (eventlog.Meta{Command: "c", Correlation: "o", Causation: "e", Actor: "a", Trace: "t"}) {
			t.Errorf("meta = %+v", r.Meta)
		}
	}
}

func TestDoneContextIsRefusedAtOnce(t *testing.T) {
	a := newTally(aggregatetest.NewStore(), byValue, aggregate.Options[tally]{})
	defer a.Close()
	done, cancel := context.WithCancel(ctx())
	cancel()
	_, _, err := a.Transact(done, "tally-1", cause("c"), add("x", 1))
	aggregatetest.WantKind(t, err, domain.Unavailable)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v does not say why", err)
	}
}
