package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/memory"
	"orderflow/infra/pebblelog"
)

// shown returns what readers of the streams s and $$s get, forwards and backwards.
func shown(e *engine.Engine) (all []string) {
	for _, stream := range []string{"s", "$$s"} {
		for _, span := range []engine.Span{{Max: 100}, {Max: 100, Backwards: true}} {
			from := int64(0)
			if span.Backwards {
				from = engine.NewestNumber
			}
			for r, err := range e.ReadStream(context.Background(), stream, from, span) {
				if err != nil {
					all = append(all, err.Error())
					continue
				}
				all = append(all, fmt.Sprint(stream, span.Backwards, r.Event.Number, r.Event.ID, r.Event.Position))
			}
		}
		last, err := e.LastNumber(context.Background(), stream)
		all = append(all, fmt.Sprint(stream, last, err))
	}
	return all
}

// TestScavengeHidesNothing compares, for random histories, what readers are
// shown before and after a scavenge, and how the streams go on: alike. What is
// removed is exactly what was not shown, but for the last event of a stream.
func TestScavengeHidesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := memory.NewDense()
		e := engine.New(log, engine.Options{})
		defer e.Close()
		for range 3 {
			for _, s := range steps().Draw(t, "steps") {
				if wait, err := submit(e, s); err == nil {
					_, _ = wait(context.Background()) // what is refused is not there
				}
			}
			before := shown(e)
			done, err := e.Scavenge(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if after := shown(e); !slices.Equal(before, after) {
				t.Fatalf("%d events were removed, and readers are shown\n%v, before\n%v", done.Events, after, before)
			}
			again, err := e.Scavenge(context.Background())
			if err != nil || again.Events != 0 {
				t.Fatalf("the second scavenge removed %d events: %v", again.Events, err)
			}
		}
	})
}

// TestScavengeMakesRoom removes what $maxCount hides, and leaves the rest.
func TestScavengeMakesRoom(t *testing.T) {
	log := memory.NewDense()
	e := engine.New(log, engine.Options{})
	defer e.Close()
	for i := range 50 {
		if _, err := e.Append(t.Context(), engine.Write{Stream: "s", Expected: engine.Any, Events: events(fmt.Sprint("e", i))}); err != nil {
			t.Fatal(err)
		}
	}
	meta := engine.Write{Stream: "$$s", Expected: engine.Any, Events: []engine.Proposed{
		{ID: id("m"), Type: engine.MetadataType, JSON: true, Data: []byte(`{"$maxCount":3}`)},
	}}
	if _, err := e.Append(t.Context(), meta); err != nil {
		t.Fatal(err)
	}
	done, err := e.Scavenge(t.Context())
	if err != nil || done.Events != 47 || done.After >= done.Before {
		t.Errorf("%+v, %v; want 47 events removed", done, err)
	}
	left := 0
	for r, err := range log.ReadAll(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Stream == eventlog.Stream("s") {
			left++
		}
	}
	if left != 3 {
		t.Errorf("%d events are left, want 3", left)
	}
}

// TestScavengeOfTombstones removes the events of a stream that was ended without
// ever having had metadata.
func TestScavengeOfTombstones(t *testing.T) {
	logs(t, func(t *testing.T, log engine.Log) {
		e := newEngine(t, log)
		must(t, e, "s", engine.Any, events("a", "b", "c"))
		if _, err := e.Tombstone(ctx(t), "s", engine.Any); err != nil {
			t.Fatal(err)
		}
		must(t, e, "other", engine.Any, events("d"))
		if done, err := e.Scavenge(ctx(t)); err != nil || done.Events != 3 || done.Streams != 1 {
			t.Errorf("%+v, %v; want 3 events removed", done, err)
		}
		if _, err := named(t, e, "s"); !errors.As(err, new(*engine.DeletedError)) {
			t.Errorf("the stream is read as %v", err)
		}
	})
}

// changingLog changes the metadata of a stream after the first removal.
type changingLog struct {
	*memory.Log
	change func()
}

func (l *changingLog) RemoveBelow(ctx context.Context, s eventlog.Stream, below eventlog.Version) (int64, error) {
	n, err := l.Log.RemoveBelow(ctx, s, below)
	if l.change != nil && n > 0 {
		l.change()
		l.change = nil
	}
	return n, err
}

// TestScavengeLooksAgain takes a truncation back while its events are removed:
// those that are not removed yet stay. Metadata that was written many times is
// looked at once.
func TestScavengeLooksAgain(t *testing.T) {
	log := &changingLog{Log: memory.NewDense()}
	e := newEngine(t, log)
	const all = 5_000
	for i := range all {
		must(t, e, "s", engine.Any, events(fmt.Sprint("e", i)))
	}
	for range 3 {
		must(t, e, "$$s", engine.Any, metadata(`{"$tb":4000}`))
	}
	log.change = func() { must(t, e, "$$s", engine.Any, metadata(`{}`)) }
	done, err := e.Scavenge(ctx(t))
	if err != nil || done.Streams != 1 {
		t.Errorf("%+v, %v; want one stream", done, err)
	}
	first, err := log.FirstVersion(ctx(t), "s")
	if err != nil || first < 2 || first > 2_000 {
		t.Errorf("the first event that is left is version %d: %v", first, err)
	}
	if got, err := readCount(t, e, "s"); err != nil || got != all-int(first)+1 {
		t.Errorf("%d events are shown, from version %d on: %v", got, first, err)
	}
}

func readCount(t *testing.T, e *engine.Engine, stream string) (n int, err error) {
	t.Helper()
	for _, err := range e.ReadStream(ctx(t), stream, 0, engine.Span{Max: 100_000}) {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// TestClosingEndsAScavenge closes the engine while space is given back.
func TestClosingEndsAScavenge(t *testing.T) {
	log := &holdingLog{memory.NewDense(), make(chan struct{})}
	e := newEngine(t, log)
	must(t, e, "s", engine.Any, events("a", "b"))
	must(t, e, "$$s", engine.Any, metadata(`{"$maxCount":1}`))
	ended := make(chan error, 1)
	go func() {
		_, err := e.Scavenge(context.Background())
		ended <- err
	}()
	<-log.entered
	e.Close()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// holdingLog gives no space back until it is told to stop.
type holdingLog struct {
	*memory.Log
	entered chan struct{}
}

func (l *holdingLog) GiveBack(ctx context.Context) error {
	close(l.entered)
	<-ctx.Done()
	return ctx.Err()
}

// TestScavengeOfShortStreams removes the first of two events, on every log.
func TestScavengeOfShortStreams(t *testing.T) {
	logs(t, func(t *testing.T, log engine.Log) {
		e := newEngine(t, log)
		must(t, e, "s-1", engine.Any, events("a"))
		must(t, e, "other", engine.Any, events("c"))
		must(t, e, "s-1", engine.Any, events("b"))
		must(t, e, "$$s-1", engine.Any, metadata(`{"$tb":1}`))
		if done, err := e.Scavenge(ctx(t)); err != nil || done.Events != 1 {
			t.Errorf("%+v, %v; want one event removed", done, err)
		}
		for r, err := range log.ReadAll(ctx(t), 0) {
			if err != nil || r.Stream == "s-1" && r.Version == 1 {
				t.Errorf("%+v, %v", r, err)
			}
		}
	})
}

// interruptedLog gives no space back the first time.
type interruptedLog struct {
	*pebblelog.Log
	gaveBack int
}

func (l *interruptedLog) GiveBack(ctx context.Context) error {
	if l.gaveBack++; l.gaveBack == 1 {
		return context.Canceled
	}
	return l.Log.GiveBack(ctx)
}

// TestScavengeGivesBackWhatAnotherRemoved interrupts a scavenge after its last
// removal: the next one finds nothing to remove, and gives the space back; the
// one after it does not rewrite the log once more.
func TestScavengeGivesBackWhatAnotherRemoved(t *testing.T) {
	log := &interruptedLog{Log: openCrashing(t, vfs.NewMem())}
	t.Cleanup(func() { _ = log.Close() })
	var told int64
	e := engine.New(log, engine.Options{Removed: func(n int64) { told += n }})
	t.Cleanup(e.Close)
	for i := range 20 {
		must(t, e, "s", engine.Any, events(fmt.Sprint("e", i)))
	}
	must(t, e, "other", engine.Any, events("last")) // the newest event of the log is never removed
	must(t, e, "$$s", engine.Any, metadata(`{"$maxCount":1}`))
	if done, err := e.Scavenge(ctx(t)); !errors.Is(err, context.Canceled) || done.Events != 19 || told != 19 {
		t.Fatalf("%+v, %v, told of %d events; want 19 and the interruption", done, err, told)
	}
	for range 2 {
		if done, err := e.Scavenge(ctx(t)); err != nil || done.Events != 0 || log.gaveBack != 2 {
			t.Errorf("%+v, %v: space was given back %d times, want 2", done, err, log.gaveBack)
		}
	}
}
