package clustertest_test

import (
	"testing"
	"time"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/clustertest"
	"orderflow/infra/esdbserver/engine"
	"orderflow/infra/memory"
	"orderflow/infra/pebblelog"
)

// manySystemEvents is the tail of which a real system told.
const manySystemEvents = 1_000_000

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

// TestFillSystemIsFast bounds nothing but the patience of whoever waits for the
// tests; it logs how fast it is.
func TestFillSystemIsFast(t *testing.T) {
	if testing.Short() {
		t.Skip("10^6 events, twice")
	}
	onDisk, err := pebblelog.Open(t.TempDir(), pebblelog.Options{IndexIDs: true})
	if err != nil {
		t.Fatal(err)
	}
	defer onDisk.Close()
	for name, log := range map[string]engine.Log{"memory": memory.NewDense(), "pebble": onDisk} {
		begun := time.Now()
		if err := clustertest.FillSystem(within(t, 10*patience), log, manySystemEvents); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d events in %v", name, manySystemEvents, time.Since(begun))
		if end, err := log.End(t.Context()); err != nil || end != manySystemEvents {
			t.Errorf("%s: the log ends at %d, %v", name, end, err)
		}
	}
}
