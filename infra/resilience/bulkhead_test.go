package resilience_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/domain"
	"orderflow/infra/resilience"
)

func TestTwentyAtOnceAndOthersQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		p := &provider{answer: func(context.Context) error {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(10 * time.Millisecond)
			now.Add(-1)
			return nil
		}}
		g := resilience.NewGateway(p, resilience.Options{})
		var wg sync.WaitGroup
		for range 1_000 {
			wg.Go(func() {
				if _, err := g.Capture(t.Context(), charge); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if s := g.Status(); s.Slots != 20 || s.InUse != 20 || s.Waiting != 980 {
			t.Errorf("status %+v", s)
		}
		wg.Wait()
		if most.Load() != 20 {
			t.Errorf("%d calls at once", most.Load())
		}
		if s := g.Status(); s.InUse != 0 || s.Waiting != 0 {
			t.Errorf("afterwards %+v", s)
		}
	})
}

func TestQueueIsBoundedInLengthAndTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		p := &provider{answer: func(context.Context) error { <-release; return nil }}
		g := resilience.NewGateway(p, resilience.Options{Concurrent: 1, MaxWait: time.Second, MaxWaiting: 1, Timeout: time.Hour})
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := g.Void(t.Context(), "takes the slot"); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		waited := make(chan error, 1)
		start := time.Now()
		go func() { waited <- g.Void(t.Context(), "waits too long") }()
		synctest.Wait()
		wantFailure(t, g.Void(t.Context(), "finds the queue full"), domain.Unavailable, "bulkhead_full")
		if took := time.Since(start); took != 0 {
			t.Errorf("a full queue took %s to refuse", took)
		}
		wantFailure(t, <-waited, domain.Unavailable, "bulkhead_full")
		if took := time.Since(start); took != time.Second {
			t.Errorf("waited %s for a slot", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		wantFailure(t, g.Void(ctx, "leaves the queue"), domain.Unavailable, "canceled")
		close(release)
		wg.Wait()
		if s := g.Status(); s.Failures != 0 || s.State != resilience.Closed {
			t.Errorf("queueing was held against the provider: %+v", s)
		}
		if p.calls.Load() != 1 {
			t.Errorf("%d calls were made", p.calls.Load())
		}
	})
}

// Who queues while a provider hangs learns of the breaker and does not call.
func TestQueueDrainsWhenTheBreakerOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{answer: hangs}
		var mu sync.Mutex
		results := map[string]int{}
		g := resilience.NewGateway(p, resilience.Options{Observer: resilience.Observer{
			Called: func(_, result string, _ time.Duration) {
				mu.Lock()
				defer mu.Unlock()
				results[result]++
			},
		}})
		var wg sync.WaitGroup
		for range 500 {
			wg.Go(func() { _, _ = g.Capture(t.Context(), charge) })
		}
		wg.Wait()
		// Some slots change hands before the tenth timeout is counted.
		made := int(p.calls.Load())
		if made < 20 || made > 40 || results["timeout"] != made || results["circuit_open"] != 500-made {
			t.Errorf("%d calls made, results %v", made, results)
		}
	})
}
