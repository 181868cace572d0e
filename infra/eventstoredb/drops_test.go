package eventstoredb_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/deploy/servicestest"
	"orderflow/infra/eventstoredb"
	"orderflow/infra/memory"
)

// patience bounds the wait for what must come; it is only spent when something is broken.
const patience = 60 * time.Second

// counts are what the hooks told.
type counts struct {
	dropped, connected, retried, failed atomic.Int64
}

func (c *counts) hooks() eventstoredb.Hooks {
	return eventstoredb.Hooks{
		Dropped: func(domain.Kind) { c.dropped.Add(1) }, Connected: func() { c.connected.Add(1) },
		Retried: func(string, domain.Kind) { c.retried.Add(1) }, Failed: func(string, domain.Kind) { c.failed.Add(1) },
	}
}

func event(s eventlog.Stream, i int) eventlog.Pending {
	return eventlog.Pending{
		ID: eventlog.NewEventID("c", s, i), Type: "tested.v1", Data: fmt.Appendf(nil, `{"i":%d,"text":"some more of it"}`, i),
		Meta: eventlog.Meta{Command: "c", Correlation: "ord_1", Causation: "x"},
	}
}

// write appends n events to each of some streams, one by one.
func write(t *testing.T, log eventlog.Store, streams, n int) {
	t.Helper()
	var wg sync.WaitGroup
	for w := range streams {
		s := eventlog.Stream(fmt.Sprintf("%c-%d", "ab"[w%2], w))
		wg.Go(func() {
			for i := range n {
				at, err := log.Append(t.Context(), s, eventlog.Version(i), event(s, i))
				if err != nil || at.Version != eventlog.Version(i+1) {
					t.Errorf("append %d to %s: %+v, %v", i, s, at, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// TestCutsLoseAndRepeatNothing cuts every connection again and again, in the
// middle of whatever the node says, while writers write and subscribers read.
func TestCutsLoseAndRepeatNothing(t *testing.T) {
	n := serve(t, memory.NewDense(), free, nil)
	defer n.stop(t)
	p := servicestest.NewProxy(t, n.address)
	var c counts
	log := connect(t, p.Address(), eventstoredb.Options{Hooks: c.hooks(), Timeout: patience})
	p.CutAfter.Store(60_000)
	const streams, each = 8, 150
	var readers sync.WaitGroup
	got := make([][]eventlog.Recorded, 3)
	for i, categories := range [][]string{nil, {"a"}, {"b", "a"}} {
		want := streams * each
		if len(categories) == 1 {
			want /= 2
		}
		readers.Go(func() { got[i] = follow(t, log, want, categories...) })
	}
	write(t, log, streams, each)
	readers.Wait()
	p.CutAfter.Store(0)
	for i, categories := range [][]string{nil, {"a"}, {"b", "a"}} {
		want := all(t, log.ReadAll(t.Context(), 0, categories...))
		if len(got[i]) != len(want) {
			t.Fatalf("%d events of %v came, %d are there", len(got[i]), categories, len(want))
		}
		for k := range want {
			if got[i][k].ID != want[k].ID || got[i][k].Position != want[k].Position {
				t.Fatalf("event %d of %v is %s %d, want %s %d", k, categories, got[i][k].Stream, got[i][k].Version, want[k].Stream, want[k].Version)
			}
		}
	}
	t.Logf("%d cuts, %d drops of subscriptions, %d repeats, %d clients", p.Cuts.Load(), c.dropped.Load(), c.retried.Load(), c.connected.Load())
	if c.dropped.Load() == 0 || c.retried.Load() == 0 || p.Cuts.Load() < 3 {
		t.Error("the cuts hit too little")
	}
}

// follow subscribes from the start and returns the first n events.
func follow(t *testing.T, log eventlog.Store, n int, categories ...string) (list []eventlog.Recorded) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for r, err := range log.Subscribe(ctx, 0, categories...) {
		if err != nil {
			t.Errorf("after %d of %d events: %v", len(list), n, err)
			return list
		}
		if list = append(list, r); len(list) == n {
			return list
		}
	}
	return list
}

func all(t *testing.T, seq func(func(eventlog.Recorded, error) bool)) (list []eventlog.Recorded) {
	t.Helper()
	for r, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	}
	return list
}

// TestRestartOfTheNode stops the node for so long that the library's client
// closes for good, and starts another one on the same log: everything goes on.
func TestRestartOfTheNode(t *testing.T) {
	kept := memory.NewDense()
	n := serve(t, kept, free, nil)
	var c counts
	log := connect(t, n.address, eventstoredb.Options{Hooks: c.hooks(), Timeout: patience})
	quick := connect(t, n.address, eventstoredb.Options{Timeout: 600 * time.Millisecond})
	const rounds, each = 3, 20
	arrived := make(chan eventlog.Recorded, rounds*each)
	var reader sync.WaitGroup
	reader.Go(func() {
		for r, err := range log.Subscribe(t.Context(), 0, "a") {
			if err != nil {
				t.Error(err)
				return
			}
			if arrived <- r; r.Version == rounds*each {
				return
			}
		}
	})
	version := eventlog.Version(0)
	for round := range rounds {
		if round > 0 {
			n.stop(t)
			for range 3 {
				if err := quick.Ping(t.Context()); domain.KindOf(err) != domain.Unavailable {
					t.Errorf("a node that is gone: %v, want kind unavailable", err)
				}
			}
			n = serve(t, kept, n.address, nil)
		}
		for range each {
			at, err := log.Append(t.Context(), "a-1", version, event("a-1", int(version)))
			if err != nil {
				t.Fatal(err)
			}
			version = at.Version
		}
		for i := range each { // the subscription is up before the node stops again
			if r := <-arrived; r.Version != eventlog.Version(round*each+i+1) {
				t.Fatalf("version %d came, want %d", r.Version, round*each+i+1)
			}
		}
	}
	reader.Wait()
	n.stop(t)
	if c.connected.Load() < 2+rounds-1 {
		t.Errorf("%d clients were made (%d drops, %d repeats); the old ones were closed for good", c.connected.Load(), c.dropped.Load(), c.retried.Load())
	}
}

// TestNodeIsGone asks a port where nobody listens, and one where nobody
// answers: each operation ends in time, with an error of the right kind.
func TestNodeIsGone(t *testing.T) {
	n := serve(t, memory.NewDense(), free, nil)
	p := servicestest.NewProxy(t, n.address)
	const timeout = 1500 * time.Millisecond
	mute := connect(t, p.Address(), eventstoredb.Options{Timeout: timeout})
	if _, err := mute.Append(t.Context(), "a-1", 0, event("a-1", 0)); err != nil {
		t.Fatal(err)
	}
	p.Mute.Store(true) // the connection stands, and nothing comes
	gone := serve(t, memory.NewDense(), free, nil)
	gone.stop(t)
	nobody := connect(t, gone.address, eventstoredb.Options{Timeout: timeout})
	for _, c := range []struct {
		name string
		log  *eventstoredb.Log
		lost domain.Kind // what an append is
	}{{"mute", mute, domain.Unknown}, {"nobody", nobody, domain.Unavailable}} {
		for _, step := range []struct {
			what string
			want domain.Kind
			do   func() error
		}{
			{"append", c.lost, func() error { _, err := c.log.Append(t.Context(), "a-1", 1, event("a-1", 1)); return err }},
			{"begin", domain.Unavailable, func() error { _, err := c.log.Append(t.Context(), "a-2", 0, event("a-2", 0)); return err }},
			{"read", domain.Unavailable, func() error { return last(c.log.Read(t.Context(), "a-1", 0)) }},
			{"all", domain.Unavailable, func() error { return last(c.log.ReadAll(t.Context(), 0, "a")) }},
			{"end", domain.Unavailable, func() error { _, err := c.log.End(t.Context()); return err }},
			{"ping", domain.Unavailable, func() error { return c.log.Ping(t.Context()) }},
		} {
			begun := time.Now()
			if err := step.do(); domain.KindOf(err) != step.want || err == nil {
				t.Errorf("%s, %s: %v, want kind %s", c.name, step.what, err, step.want)
			}
			if took := time.Since(begun); took > 4*timeout {
				t.Errorf("%s, %s took %v", c.name, step.what, took)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		begun := time.Now()
		if err := last(c.log.Subscribe(ctx, 0)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s, subscribe: %v, want the context's error", c.name, err)
		}
		cancel()
		if took := time.Since(begun); took > 4*timeout {
			t.Errorf("%s, subscribe took %v", c.name, took)
		}
	}
	p.Cut()
	n.stop(t)
}

// last returns the error that a reading ended with.
func last(seq func(func(eventlog.Recorded, error) bool)) (err error) {
	for _, err = range seq { //nolint:revive // the last one counts
	}
	return err
}

// TestAnswerIsLost drops the node's answers to appends: Unknown, or the true
// answer once it can be had; and the events are there once.
func TestAnswerIsLost(t *testing.T) {
	n := serve(t, memory.NewDense(), free, nil)
	defer n.stop(t)
	p := servicestest.NewProxy(t, n.address)
	lossy := connect(t, p.Address(), eventstoredb.Options{Timeout: 3 * time.Second})
	direct := connect(t, n.address, eventstoredb.Options{})
	if _, err := lossy.Append(t.Context(), "a-1", 0, event("a-1", 0)); err != nil {
		t.Fatal(err)
	}
	p.Mute.Store(true)
	if _, err := lossy.Append(t.Context(), "a-1", 1, event("a-1", 1)); domain.KindOf(err) != domain.Unknown {
		t.Errorf("err = %v, want kind unknown", err)
	}
	p.Mute.Store(false)
	p.Cut()
	stored := all(t, direct.Read(t.Context(), "a-1", 0))
	if len(stored) != 2 {
		t.Fatalf("%d events are stored, want 2", len(stored))
	}
	if _, err := direct.Append(t.Context(), "a-1", 2, event("a-1", 2)); err != nil {
		t.Fatal(err)
	}
	at, err := lossy.Append(t.Context(), "a-1", 1, event("a-1", 1))
	if want := (eventlog.Appended{Version: 2, Position: stored[1].Position}); err != nil || at != want {
		t.Errorf("the repeat: %+v, %v; want %+v", at, err, want)
	}
}

// TestClosing ends what is under way.
func TestClosing(t *testing.T) {
	n := serve(t, memory.NewDense(), free, nil)
	defer n.stop(t)
	log := connect(t, n.address, eventstoredb.Options{})
	write(t, log, 1, 1)
	started, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		var err error
		for _, err = range log.Subscribe(t.Context(), 0) {
			if err == nil {
				close(started)
			}
		}
		ended <- err
	}()
	<-started
	if err := log.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; domain.KindOf(err) != domain.Unavailable {
		t.Errorf("the subscription ended with %v, want kind unavailable", err)
	}
	if _, err := log.Append(t.Context(), "a-1", 0, event("a-1", 0)); domain.KindOf(err) != domain.Unavailable {
		t.Errorf("append to a closed log: %v", err)
	}
	if _, err := log.End(t.Context()); domain.KindOf(err) != domain.Unavailable {
		t.Errorf("end of a closed log: %v", err)
	}
}
