package engine_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/engine"
	"orderflow/infra/memory"
)

// shown is what readers of the streams s and $$s get, forwards and backwards.
func shown(t *rapid.T, e *engine.Engine) (all []string) {
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
			before := shown(t, e)
			done, err := e.Scavenge(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if after := shown(t, e); !slices.Equal(before, after) {
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
