package aggregate_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow/commands/aggregate"
	"orderflow/commands/aggregate/aggregatetest"
	"orderflow/domain"
	"orderflow/domain/decider"
	"orderflow/domain/eventlog"
)

// answer is what a command that was sent in the background came back with.
type answer struct {
	state tally
	aggregate.Result
	err error
}

func send(ctx context.Context, a *aggregate.Aggregate[tally, added], id string, decide decider.Decision[tally, added]) <-chan answer {
	c := make(chan answer, 1)
	go func() {
		s, r, err := a.Transact(ctx, "tally-1", cause(id), decide)
		c <- answer{s, r, err}
	}()
	return c
}

func get(t testing.TB, c <-chan answer) answer {
	t.Helper()
	select {
	case a := <-c:
		return a
	case <-time.After(aggregatetest.Patience):
		t.Fatal("no answer")
		return answer{}
	}
}

// busy starts an append that waits at the gate, and then sends the commands,
// which queue behind it in order.
func busy(t *testing.T, a *aggregate.Aggregate[tally, added], g aggregatetest.Gate, decisions ...decider.Decision[tally, added]) (first <-chan answer, others []<-chan answer) {
	t.Helper()
	first = send(ctx(), a, "first", add("first", 1))
	aggregatetest.Within(t, "the first append", g.Entered)
	for i, d := range decisions {
		others = append(others, send(ctx(), a, "c"+strconv.Itoa(i), d))
		aggregate.AwaitWaiting(a, "tally-1", i+1)
	}
	return first, others
}

func TestWaitingCommandsShareOneAppend(t *testing.T) {
	for kind, d := range kinds() {
		t.Run(kind, func(t *testing.T) {
			s := aggregatetest.NewStore()
			g := s.Gated()
			a := newTally(s, d, aggregate.Options[tally]{})
			defer a.Close()
			first, others := busy(t, a, g,
				add("a", 5), add("b", -7), add("c", -6, 1), add("a", 9), func(tally) ([]added, error) { panic("ouch") }, add("d", 1))
			g.Pass <- struct{}{}
			if got := get(t, first); got.err != nil || got.Version != 1 {
				t.Errorf("first: %+v", got)
			}
			aggregatetest.Within(t, "the shared append", g.Entered)
			for i, c := range others {
				select {
				case got := <-c:
					if i != 4 { // the one that panics is answered at once
						t.Errorf("command %d was answered before anything was durable: %+v", i, got)
					}
					others[i] = nil
					aggregatetest.WantKind(t, got.err, domain.Internal)
				default:
				}
			}
			g.Pass <- struct{}{}
			for i, want := range []answer{
				{state: tally{Sum: 6}, Result: aggregate.Result{Version: 2, Events: 1}},
				{err: domain.Errorf(domain.Rejected, "")},
				{state: tally{Sum: 1}, Result: aggregate.Result{Version: 4, Events: 2}},
				{state: tally{Sum: 1}, Result: aggregate.Result{Version: 5}},
				{err: domain.Errorf(domain.Internal, "")},
				{state: tally{Sum: 2}, Result: aggregate.Result{Version: 5, Events: 1}},
			} {
				if others[i] == nil {
					continue
				}
				got := get(t, others[i])
				if want.err != nil {
					aggregatetest.WantKind(t, got.err, domain.KindOf(want.err))
					continue
				}
				if got.err != nil || got.state.Sum != want.state.Sum || got.Version != want.Version || got.Events != want.Events || got.Position != aggregatetest.End(t, s) {
					t.Errorf("command %d: %+v, want %+v", i, got, want)
				}
			}
			if got := s.Appends.Load(); got != 2 {
				t.Errorf("%d appends, want 2", got)
			}
			if got, _ := replay(s.Log, "tally-1"); strings.Join(sortedIDs(got), "") != "acdfirst" {
				t.Errorf("the log has %v", sortedIDs(got))
			}
		})
	}
}

func TestRefusedAppend(t *testing.T) {
	for kind, d := range kinds() {
		for _, tc := range []struct {
			err       error
			stored    bool
			want      domain.Kind
			wantReads int64 // afterwards, for the next command
		}{
			{err: domain.Errorf(domain.ReadOnly, "disk full"), want: domain.ReadOnly},
			{err: domain.Errorf(domain.Unavailable, "away"), want: domain.Unavailable},
			{err: domain.Errorf(domain.Unknown, "lost"), want: domain.Unknown, wantReads: 1},
			{err: domain.Errorf(domain.Unknown, "lost"), stored: true, want: domain.Unknown, wantReads: 1},
			{err: errors.New("not ours"), stored: true, want: domain.Unknown, wantReads: 1},
		} {
			t.Run(fmt.Sprintf("%s/%v/stored=%v", kind, tc.err, tc.stored), func(t *testing.T) {
				s := aggregatetest.NewStore()
				a := newTally(s, d, aggregate.Options[tally]{SingleWriter: true})
				defer a.Close()
				_, _, err := a.Transact(ctx(), "tally-1", cause("0"), add("zero", 10))
				aggregatetest.Must(t, err)
				s.FailOnce(tc.err, tc.stored)
				_, _, err = a.Transact(ctx(), "tally-1", cause("1"), add("one", 1))
				aggregatetest.WantKind(t, err, tc.want)
				reads := s.Reads.Load()
				got, r, err := a.Transact(ctx(), "tally-1", cause("1"), add("one", 1))
				if err != nil || got.Sum != 11 || r.Version != 2 || (r.Events == 0) != tc.stored {
					t.Errorf("sent again: %+v, %+v, %v", got, r, err)
				}
				if n := s.Reads.Load() - reads; n != tc.wantReads {
					t.Errorf("%d reads, want %d", n, tc.wantReads)
				}
				if got, n := replay(s.Log, "tally-1"); got.Sum != 11 || n != 2 {
					t.Errorf("the log has %+v in %d events", got, n)
				}
			})
		}
	}
}

func TestEveryoneWaitingGetsTheErrorOfTheAppend(t *testing.T) {
	s := aggregatetest.NewStore()
	g := s.Gated()
	a := newTally(s, inPlace, aggregate.Options[tally]{})
	defer a.Close()
	first, others := busy(t, a, g, add("a", 1), add("first", 1), add("b", 1))
	pass := s.OnAppend
	s.OnAppend = func(_ func() (eventlog.Appended, error)) (eventlog.Appended, error) {
		s.OnAppend = pass
		return eventlog.Appended{}, domain.Errorf(domain.Unknown, "lost")
	}
	g.Pass <- struct{}{}
	aggregatetest.Must(t, get(t, first).err)
	for _, c := range others {
		aggregatetest.WantKind(t, get(t, c).err, domain.Unknown)
	}
}

func TestFailedReadHarmsNobodyForLong(t *testing.T) {
	s := aggregatetest.NewStore()
	a := newTally(s, byValue, aggregate.Options[tally]{})
	defer a.Close()
	s.ReadErr = errors.New("no connection")
	_, _, err := a.Transact(ctx(), "tally-1", cause("c"), add("x", 1))
	aggregatetest.WantKind(t, err, domain.Unavailable)
	s.ReadErr = nil
	_, _, err = a.Transact(ctx(), "tally-1", cause("c"), add("x", 1))
	aggregatetest.Must(t, err)
}

func TestGivingUp(t *testing.T) {
	s := aggregatetest.NewStore()
	g := s.Gated()
	a := newTally(s, byValue, aggregate.Options[tally]{})
	defer a.Close()
	inFlight, cancelInFlight := context.WithCancel(ctx())
	queued, cancelQueued := context.WithCancel(ctx())
	first := send(inFlight, a, "a", add("a", 1))
	aggregatetest.Within(t, "the append", g.Entered)
	second := send(queued, a, "b", add("b", 1))
	aggregate.AwaitWaiting(a, "tally-1", 1)

	cancelQueued()
	got := get(t, second)
	aggregatetest.WantKind(t, got.err, domain.Unavailable)
	cancelInFlight()
	got = get(t, first)
	aggregatetest.WantKind(t, got.err, domain.Unknown)
	if !errors.Is(got.err, context.Canceled) {
		t.Errorf("err = %v does not say why", got.err)
	}

	g.Pass <- struct{}{}
	s.OnAppend = nil
	a.Close()
	if state, _ := replay(s.Log, "tally-1"); !same(state, tally{Sum: 1, IDs: map[string]int{"a": 1}}) {
		t.Errorf("the log has %+v; what was in flight goes on, what was queued does not", state)
	}
}

func TestLargeGroupIsSplit(t *testing.T) {
	s := aggregatetest.NewStore()
	g := s.Gated()
	a := newTally(s, inPlace, aggregate.Options[tally]{})
	defer a.Close()
	half := make([]int, aggregate.MaxAppendEvents/2+1)
	first, others := busy(t, a, g, add("a", half...), add("b", half...), add("c", 1), add("d", make([]int, aggregate.MaxAppendEvents+1)...))
	for range 3 {
		g.Pass <- struct{}{}
	}
	aggregatetest.Must(t, get(t, first).err)
	for _, c := range others[:3] {
		aggregatetest.Must(t, get(t, c).err)
	}
	aggregatetest.WantKind(t, get(t, others[3]).err, domain.Invalid)
	if got := s.Appends.Load(); got != 3 {
		t.Errorf("%d appends, want 3", got)
	}
}

// What does not fit into one append comes before what was sent later, and is
// not lost when the append is refused.
func TestRestOfAGroupKeepsItsPlace(t *testing.T) {
	s := aggregatetest.NewStore()
	g := s.Gated()
	a := newTally(s, inPlace, aggregate.Options[tally]{})
	defer a.Close()
	half := make([]int, aggregate.MaxAppendEvents/2+1)
	first, others := busy(t, a, g, add("a", half...), add("b", half...))
	g.Pass <- struct{}{}
	aggregatetest.Must(t, get(t, first).err)
	aggregatetest.Within(t, "the append of a", g.Entered)

	other := newTally(s.Log, byValue, aggregate.Options[tally]{})
	defer other.Close()
	_, _, err := other.Transact(ctx(), "tally-1", cause("x"), add("x", 1)) // a's append will be refused
	aggregatetest.Must(t, err)
	last := send(ctx(), a, "c", add("c", 1))
	aggregate.AwaitWaiting(a, "tally-1", 1)
	for range 3 {
		g.Pass <- struct{}{}
	}
	ra, rb, rc := get(t, others[0]), get(t, others[1]), get(t, last)
	if ra.err != nil || rb.err != nil || rc.err != nil || ra.Version >= rb.Version || rb.Version >= rc.Version {
		t.Errorf("a is at %d (%v), b at %d (%v), c at %d (%v)", ra.Version, ra.err, rb.Version, rb.err, rc.Version, rc.err)
	}
}

func TestConflictReadsOnlyTheTail(t *testing.T) {
	for kind, d := range kinds() {
		t.Run(kind, func(t *testing.T) {
			s := aggregatetest.NewStore()
			one, other := newTally(s, d, aggregate.Options[tally]{}), newTally(s, d, aggregate.Options[tally]{})
			defer one.Close()
			defer other.Close()
			_, _, err := one.Transact(ctx(), "tally-1", cause("a"), add("a", 5))
			aggregatetest.Must(t, err)
			_, _, err = other.Transact(ctx(), "tally-1", cause("b"), add("b", -5))
			aggregatetest.Must(t, err)
			reads := s.Reads.Load()
			_, _, err = one.Transact(ctx(), "tally-1", cause("c"), add("c", -1))
			aggregatetest.WantKind(t, err, domain.Rejected)
			got, r, err := one.Transact(ctx(), "tally-1", cause("d"), add("d", 1))
			if err != nil || got.Sum != 1 || r.Version != 3 {
				t.Errorf("%+v at %d, %v", got, r.Version, err)
			}
			if n := s.Reads.Load() - reads; n != 1 {
				t.Errorf("%d reads, want 1", n)
			}
		})
	}
}

func TestEndlessConflictEnds(t *testing.T) {
	s := aggregatetest.NewStore()
	a := newTally(s, inPlace, aggregate.Options[tally]{})
	defer a.Close()
	_, _, err := a.Transact(ctx(), "tally-1", cause("b"), add("y", 1))
	aggregatetest.Must(t, err)
	s.OnAppend = func(func() (eventlog.Appended, error)) (eventlog.Appended, error) {
		return eventlog.Appended{}, eventlog.ErrConflict("tally-1", 1, 2)
	}
	before := s.Appends.Load()
	_, _, err = a.Transact(ctx(), "tally-1", cause("c"), add("x", 1))
	aggregatetest.WantKind(t, err, domain.Conflict)
	if got := s.Appends.Load() - before; got != aggregate.MaxAttempts {
		t.Errorf("%d attempts", got)
	}
}

func TestBrokenFoldRefusesAndRecovers(t *testing.T) {
	broken := true
	d := decider.Decider[tally, added]{Clone: inPlace.Clone, Evolve: func(t tally, e added) tally {
		if e.ID == "bad" && broken {
			t.IDs["half done"] = 1
			panic("cannot fold")
		}
		return inPlace.Evolve(t, e)
	}}
	a := newTally(aggregatetest.NewStore(), d, aggregate.Options[tally]{})
	defer a.Close()
	_, _, err := a.Transact(ctx(), "tally-1", cause("a"), add("a", 1))
	aggregatetest.Must(t, err)
	_, _, err = a.Transact(ctx(), "tally-1", cause("b"), add("bad", 1))
	aggregatetest.WantKind(t, err, domain.Internal)
	got, _, err := a.Transact(ctx(), "tally-1", cause("c"), add("c", 1))
	if err != nil || !same(got, tally{Sum: 2, IDs: map[string]int{"a": 1, "c": 1}}) {
		t.Errorf("after a broken fold: %+v, %v", got, err)
	}
}

func TestReturnedStateIsNotTheLiveOne(t *testing.T) {
	a := newTally(aggregatetest.NewStore(), inPlace, aggregate.Options[tally]{SingleWriter: true})
	defer a.Close()
	got, _, err := a.Transact(ctx(), "tally-1", cause("a"), add("a", 1))
	aggregatetest.Must(t, err)
	got.IDs["mine"] = 1
	loaded, _, err := a.Load(ctx(), "tally-1")
	aggregatetest.Must(t, err)
	loaded.IDs["mine too"] = 1
	if again, _, err := a.Load(ctx(), "tally-1"); err != nil || len(again.IDs) != 1 {
		t.Errorf("%+v, %v", again, err)
	}
}

// A hot stream: many writers at once lose nothing and share appends.
func TestHotStream(t *testing.T) {
	const writers, each = 256, 20
	for kind, d := range kinds() {
		t.Run(kind, func(t *testing.T) {
			s := aggregatetest.NewStore()
			s.OnAppend = func(next func() (eventlog.Appended, error)) (eventlog.Appended, error) {
				for range 64 {
					runtime.Gosched() // making something durable takes its time; others run meanwhile
				}
				return next()
			}
			a := newTally(s, d, aggregate.Options[tally]{SingleWriter: true})
			hammer(t, a, writers, each)
			a.Close()
			got, n := replay(s.Log, "tally-1")
			if got.Sum != writers*each || len(got.IDs) != writers*each || int(n) != writers*each {
				t.Errorf("the log has %d commands in %d events, want %d", len(got.IDs), n, writers*each)
			}
			stats := a.Stats()
			t.Logf("%d commands by %d writers took %d appends: %.1f commands per append, %d at most",
				stats.Commands, writers, stats.Appends, float64(stats.Grouped)/float64(stats.Appends), stats.Largest)
			if stats.Appends > writers*each/4 {
				t.Errorf("%d appends for %d commands", stats.Appends, writers*each)
			}
		})
	}
}

func hammer(t testing.TB, a *aggregate.Aggregate[tally, added], writers, each int) {
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				id := fmt.Sprintf("%d/%d", w, i)
				if _, err := a.Do(ctx(), "tally-1", cause(id), add(id, 1), nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
