package httpapi_test

import (
	"context"
	"iter"
	"net/http"
	"sync"
	"testing"
	"time"

	"orderflow/commands/aggregate"
	"orderflow/domain/eventlog"
	"orderflow/infra/httpapi"
)

// timed notes until when each look at the log may last.
type timed struct {
	eventlog.Store
	mu    sync.Mutex
	until []time.Time // zero for ever
}

func (l *timed) Read(ctx context.Context, s eventlog.Stream, above eventlog.Version) iter.Seq2[eventlog.Recorded, error] {
	until, _ := ctx.Deadline()
	l.mu.Lock()
	l.until = append(l.until, until)
	l.mu.Unlock()
	return l.Store.Read(ctx, s, above)
}

// TestRepeatHasOneDeadline looks for an order that was placed before within the
// time of the command, which counts from the arrival of the request.
func TestRepeatHasOneDeadline(t *testing.T) {
	log := &timed{}
	s := begin(t, func(c *httpapi.Config) { log.Store, c.Log = c.Log, log })
	s.sell("TEAPOT")
	s.call("POST", "/v1/orders", anOrder, "Idempotency-Key", "k")
	latest := time.Now()
	again := s.call("POST", "/v1/orders", anOrder, "Idempotency-Key", "k")
	latest = latest.Add(time.Since(latest) + aggregate.CommandTimeout)
	if again.status != http.StatusAccepted || again.header.Get("Idempotency-Replayed") != "true" {
		t.Fatalf("answered %d %s", again.status, again.body)
	}
	log.mu.Lock()
	defer log.mu.Unlock()
	if len(log.until) == 0 {
		t.Error("the log was not asked")
	}
	for _, until := range log.until {
		if until.IsZero() || until.After(latest) {
			t.Errorf("a look may last until %s; the command has to end at %s", until, latest)
		}
	}
}
