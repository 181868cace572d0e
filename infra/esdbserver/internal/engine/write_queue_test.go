package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/memory"
)

// gated is a log of which appends wait to be let through, and may fail.
type gated struct {
	engine.Log
	appends atomic.Int64
	open    atomic.Bool // nothing waits
	entered chan struct{}
	gate    chan error
}

func (g *gated) Append(ctx context.Context, s eventlog.Stream, v eventlog.Version, events ...eventlog.Pending) (eventlog.Appended, error) {
	g.appends.Add(1)
	if g.open.Load() {
		return g.Log.Append(ctx, s, v, events...)
	}
	g.entered <- struct{}{}
	if err := <-g.gate; err != nil {
		return eventlog.Appended{}, err
	}
	return g.Log.Append(ctx, s, v, events...)
}

// TestHotStream says that what waits for a stream is written at once, in order,
// and that repeats among it are recognised.
func TestHotStream(t *testing.T) {
	log := &gated{Log: memory.NewDense(), entered: make(chan struct{}), gate: make(chan error)}
	e := newEngine(t, log)
	type result struct {
		engine.Written
		error
	}
	results := make([]result, 7)
	var wg sync.WaitGroup
	submit := func(i int, expected engine.Expected, names ...string) {
		await, err := e.Submit(engine.Write{Stream: "hot", Expected: expected, Events: events(names...)})
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() { w, err := await(ctx(t)); results[i] = result{w, err} })
	}
	submit(0, engine.Any, "a")
	<-log.entered // it is being written, and the others wait
	submit(1, engine.Any, "b", "c")
	submit(2, engine.Any, "b", "c")      // what waits before it
	submit(3, engine.NoStream, "a")      // what is being written
	submit(4, 2, "d")                    // after b and c
	submit(5, 2, "e")                    // too late
	submit(6, engine.NoStream, "a", "b") // half stored and half waiting
	log.gate <- nil
	<-log.entered
	log.gate <- nil
	wg.Wait()
	if n := log.appends.Load(); n != 2 {
		t.Errorf("%d appends", n)
	}
	for i, want := range []int64{0, 2, 2, 0, 3, -9, 1} {
		_, wrong := errors.AsType[*engine.WrongExpectedError](results[i].error)
		if want == -9 {
			if !wrong {
				t.Errorf("append %d: %+v", i, results[i])
			}
		} else if results[i].error != nil || results[i].Number != want || results[i].Position != uint64(want)+1 {
			t.Errorf("append %d: %+v; want number %d", i, results[i], want)
		}
	}
	if names, err := named(t, e, "hot"); err != nil || !slices.Equal(names, []string{"a", "b", "c", "d"}) {
		t.Errorf("%v, %v", names, err)
	}
}

// TestUnknownOutcome says that after a write of which nobody knows what became
// of it the log is asked again.
func TestUnknownOutcome(t *testing.T) {
	log := &lossy{Log: memory.NewDense()}
	e := newEngine(t, log)
	must(t, e, "s", engine.NoStream, events("a"))
	log.lose.Store(true)
	_, err := e.Append(ctx(t), engine.Write{Stream: "s", Expected: 0, Events: events("b")})
	if domain.KindOf(err) != domain.Unknown {
		t.Fatal(err)
	}
	if w := must(t, e, "s", engine.Any, events("c")); w.Number != 2 {
		t.Errorf("after it: %+v", w)
	}
	if w := must(t, e, "s", 0, events("b")); w.Number != 1 {
		t.Errorf("the repeat: %+v", w)
	}
	if names, err := named(t, e, "s"); err != nil || !slices.Equal(names, []string{"a", "b", "c"}) {
		t.Errorf("%v, %v", names, err)
	}
}

// lossy loses the answer of one append.
type lossy struct {
	engine.Log
	lose atomic.Bool
}

func (l *lossy) Append(ctx context.Context, s eventlog.Stream, v eventlog.Version, events ...eventlog.Pending) (eventlog.Appended, error) {
	a, err := l.Log.Append(ctx, s, v, events...)
	if l.lose.Swap(false) {
		return eventlog.Appended{}, domain.Errorf(domain.Unknown, "lost")
	}
	return a, err
}

// TestWriters lets many write to few streams, each event once, with repeats.
func TestWriters(t *testing.T) {
	logs(t, func(t *testing.T, log engine.Log) {
		e := newEngine(t, log)
		const writers, each, streams = 16, 40, 3
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					list := events(fmt.Sprint(w, ".", i, ".a"), fmt.Sprint(w, ".", i, ".b"))
					stream := fmt.Sprint("s", (w+i)%streams)
					for range 2 {
						if _, err := e.Append(ctx(t), engine.Write{Stream: stream, Expected: engine.Any, Events: list}); err != nil {
							t.Error(err)
							return
						}
					}
				}
			})
		}
		wg.Wait()
		last := uint64(0)
		n := 0
		for r, err := range e.ReadAll(ctx(t), 0, engine.Span{Max: 1 << 20}, nil) {
			if err != nil || r.Event.Position <= last {
				t.Fatalf("%+v after %d, %v", r.Event, last, err)
			}
			last = r.Event.Position
			n++
		}
		if n != writers*each*2 {
			t.Errorf("%d events", n)
		}
	})
}

// TestGivenUp says that who gives up while it waits has stored nothing.
func TestGivenUp(t *testing.T) {
	log := &gated{Log: memory.NewDense(), entered: make(chan struct{}), gate: make(chan error)}
	e := newEngine(t, log)
	var wg sync.WaitGroup
	wg.Go(func() { must(t, e, "s", engine.Any, events("a")) })
	<-log.entered
	given, cancel := context.WithCancel(t.Context())
	await, err := e.Submit(engine.Write{Stream: "s", Expected: engine.Any, Events: events("b")})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := await(given); domain.KindOf(err) != domain.Unavailable || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	log.gate <- nil
	wg.Wait()
	if names, err := named(t, e, "s"); err != nil || !slices.Equal(names, []string{"a"}) {
		t.Errorf("%v, %v", names, err)
	}
}
