package eventstoredb_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/clustertest"
	"orderflow/infra/eventstoredb"
	"orderflow/infra/memory"
)

// TestTailOfSystemEvents puts many events of the server's own behind ours, and
// prints what it costs to look over them.
func TestTailOfSystemEvents(t *testing.T) {
	sizes := []int{0, 10_000, 1_000_000}
	if testing.Short() {
		sizes = sizes[:2]
	}
	for _, n := range sizes {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			cluster := clustertest.New(t, memory.NewDense(), clustertest.Options{})
			read := 0
			hooks := eventstoredb.Hooks{Read: func(events int, _ time.Duration) { read += events }}
			log := connect(t, cluster.Address(0), eventstoredb.Options{Hooks: hooks})
			write(t, connect(t, cluster.Address(0), eventstoredb.Options{}), 2, 50)
			if err := cluster.FillSystem(t.Context(), n); err != nil {
				t.Fatal(err)
			}
			if err := log.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
			read = 0
			begun := time.Now()
			end, err := log.End(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%8d: End %.2f ms", n, time.Since(begun).Seconds()*1e3)
			if read != 1 {
				t.Errorf("End read %d events, want 1", read)
			}
			begun = time.Now()
			if list := all(t, log.ReadAll(t.Context(), 0, "a")); len(list) != 50 {
				t.Errorf("%d events of a category, want 50", len(list))
			}
			t.Logf("%8d: ReadAll of a category %.3f s", n, time.Since(begun).Seconds())
			begun = time.Now()
			if list := all(t, log.ReadAll(t.Context(), 0)); len(list) != 100 {
				t.Errorf("%d events, want 100", len(list))
			}
			t.Logf("%8d: ReadAll %.3f s", n, time.Since(begun).Seconds())
			begun = time.Now()
			reached := untilCaughtUp(t, log, 0)
			t.Logf("%8d: a subscription from the beginning caught up at %d of %d after %.3f s", n, reached, end, time.Since(begun).Seconds())
			begun = time.Now()
			again := untilCaughtUp(t, log, reached)
			t.Logf("%8d: one that goes on from its watermark, after %.1f ms", n, time.Since(begun).Seconds()*1e3)
			if reached < end || again < end {
				t.Errorf("caught up at %d and %d, the end is %d", reached, again, end)
			}
		})
	}
}

// untilCaughtUp returns the first watermark that says so.
func untilCaughtUp(t *testing.T, log *eventstoredb.Log, above eventlog.Position) (reached eventlog.Position) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, err := range log.SubscribeWatermarked(ctx, above, func(m eventlog.Watermark) {
		if m.CaughtUp {
			reached = m.Position
			cancel()
		}
	}, "a") {
		if err != nil && ctx.Err() == nil {
			t.Fatal(err)
		}
	}
	return reached
}
