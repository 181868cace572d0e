package clustertest_test

import (
	"testing"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/clustertest"
	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/memory"
	"orderflow/infra/pebblelog"
)

func TestFillSystem(t *testing.T) {
	ctx := within(t, patience)
	log := memory.NewDense()
	if err := clustertest.FillSystem(ctx, log, 20_000); err != nil {
		t.Fatal(err)
	}
	c := clustertest.New(t, log, clustertest.Options{}) // whose own first events follow
	dial(t, c.Address(0)).mustAppend("order-1")
	if err := c.FillSystem(ctx, 12_345); err != nil { // less than 5 batches, so not every stream
		t.Fatal(err)
	}
	seen := map[eventlog.EventID]bool{}
	n, first := 0, ""
	for r, err := range c.Engine().ReadAll(ctx, engine.NewestPosition, engine.Span{Backwards: true, Max: 100_000}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		e := r.Event
		if e.Type != engine.LinkType {
			first = e.Stream
			break
		}
		if e.Stream[:4] != "$ce-" || e.JSON || seen[e.ID] {
			t.Fatalf("event %d from the end is %+v", n, e)
		}
		seen[e.ID] = true
		n++
	}
	if n != 12_345 || first != "order-1" {
		t.Errorf("the log ends with %d system events after one of %s", n, first)
	}
	for r, err := range c.Engine().ReadStream(ctx, "$ce-order", 0, engine.Span{Max: 1, ResolveLinks: true}) {
		if err != nil || r.Link == nil || r.Event != nil {
			t.Errorf("a link leads to %+v: %v", r.Event, err)
		}
	}
}

// BenchmarkFillSystem is about one event.
func BenchmarkFillSystem(b *testing.B) {
	onDisk, err := pebblelog.Open(b.TempDir(), pebblelog.Options{IndexIDs: true})
	if err != nil {
		b.Fatal(err)
	}
	defer onDisk.Close() //nolint:errcheck // the directory goes with it
	for name, log := range map[string]engine.Log{"memory": memory.NewDense(), "pebble": onDisk} {
		b.Run(name, func(b *testing.B) {
			if err := clustertest.FillSystem(b.Context(), log, b.N); err != nil {
				b.Fatal(err)
			}
		})
	}
}
