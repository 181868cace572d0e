package engine_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/memory"
)

// step is one write to the stream s or its metastream.
type step struct {
	What     string // append, delete, tombstone, describe
	Expected engine.Expected
	Events   []string
}

func steps() *rapid.Generator[[]step] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		return step{
			What:     rapid.SampledFrom([]string{"append", "append", "append", "append", "delete", "describe", "tombstone"}).Draw(t, "what"),
			Expected: rapid.SampledFrom([]engine.Expected{engine.Any, engine.Any, engine.NoStream, engine.StreamExists, 0, 1, 2, 3}).Draw(t, "expected"),
			Events:   rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 0, 3).Draw(t, "events"),
		}
	}), 1, 8)
}

// submit queues a step up.
func submit(e *engine.Engine, s step) (func(context.Context) (engine.Written, error), error) {
	switch s.What {
	case "delete":
		return e.SubmitDelete("s", s.Expected)
	case "tombstone":
		return e.SubmitTombstone("s", s.Expected)
	case "describe":
		data := fmt.Sprintf(`{"$maxCount":%d}`, len(s.Events)+1)
		return e.Submit(engine.Write{Stream: "$$s", Expected: s.Expected, Events: []engine.Proposed{
			{ID: id(data), Type: engine.MetadataType, JSON: true, Data: []byte(data)},
		}})
	default:
		return e.Submit(engine.Write{Stream: "s", Expected: s.Expected, Events: events(s.Events...)})
	}
}

// told returns what a writer is answered, without positions: these depend on what
// was written together.
func told(w engine.Written, err error) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(w.Number)
}

// stored returns all that a log holds of the two streams.
func stored(t *rapid.T, log engine.Log) string {
	var b strings.Builder
	for _, stream := range []eventlog.Stream{"s", "$$s"} {
		for r, err := range log.Read(context.Background(), stream, 0) {
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "%s %d %s %q\n", stream, r.Version, r.Type, r.Data)
		}
	}
	return b.String()
}

// TestTogetherAsOneByOne says that writes which wait for a stream together are
// answered, and leave it, as if they had come one by one.
func TestTogetherAsOneByOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, waiting := steps().Draw(t, "before"), steps().Draw(t, "waiting")
		oneLog, log := memory.NewDense(), &gated{Log: memory.NewDense(), entered: make(chan struct{}), gate: make(chan error)}
		one, together := engine.New(oneLog, engine.Options{}), engine.New(log, engine.Options{})
		defer one.Close()
		defer together.Close()
		ctx := context.Background()
		both := func(e *engine.Engine, s step) string {
			await, err := submit(e, s)
			if err != nil {
				t.Fatal(err)
			}
			return told(await(ctx))
		}
		log.open.Store(true)
		for _, s := range before {
			if want, got := both(one, s), both(together, s); got != want {
				t.Fatalf("%+v: %s; want %s", s, got, want)
			}
		}
		var want []string
		for _, s := range waiting {
			want = append(want, both(one, s))
		}
		// what holds the lane is a write to another metastream of it, which no rule looks at
		log.open.Store(false)
		var wg sync.WaitGroup
		wg.Go(func() {
			_, _ = together.Append(ctx, engine.Write{Stream: "$$$$s", Expected: engine.Any, Events: events("x")})
		})
		<-log.entered
		got := make([]string, len(waiting))
		for i, s := range waiting {
			await, err := submit(together, s)
			if err != nil {
				t.Fatal(err)
			}
			wg.Go(func() { got[i] = told(await(ctx)) })
		}
		log.open.Store(true)
		log.gate <- nil
		wg.Wait()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%v; want %v", got, want)
		}
		if got, want := stored(t, log), stored(t, oneLog); got != want {
			t.Fatalf("the log holds\n%s\nwant\n%s", got, want)
		}
	})
}
