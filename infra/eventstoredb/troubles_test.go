package eventstoredb_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/clustertest"
	"orderflow/infra/eventstoredb"
	"orderflow/infra/memory"
)

// said is a log of lines that may be written from anywhere.
type said struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

// TestConfirmedAndDropped has a server confirm subscriptions and end them: each
// counts as a failure, the pauses grow, and it is logged once, as is the end.
func TestConfirmedAndDropped(t *testing.T) {
	const drops = 7
	var mu sync.Mutex
	opened := 0
	h := &hostile{end: farAway, read: func(_ *streams.ReadReq, s streams.Streams_ReadServer) error {
		_ = s.Send(confirmed())
		mu.Lock()
		defer mu.Unlock()
		if opened++; opened <= drops {
			return status.Error(codes.NotFound, "Leader info available")
		}
		_ = s.Send(order(10))
		_ = s.Send(order(20))
		return nil
	}}
	var out said
	var c counts
	log := against(t, h, eventstoredb.Options{Hooks: c.hooks(), Logger: slog.New(slog.NewTextHandler(&out, nil))})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	begun := time.Now()
	n := 0
	for _, err := range log.Subscribe(ctx, 0, "order") {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 2 {
			break
		}
	}
	// Half of 20, 40, 80 … ms at least.
	if took, least := time.Since(begun), 10*time.Millisecond*(1<<drops-1); took < least {
		t.Errorf("%d drops took %s, want %s at least: the pauses do not grow", drops, took, least)
	}
	if c.dropped.Load() != drops {
		t.Errorf("%d drops were counted, want %d", c.dropped.Load(), drops)
	}
	for _, line := range []string{"dropped again and again", "goes on"} {
		if got := strings.Count(out.text.String(), line); got != 1 {
			t.Errorf("%q was logged %d times, want once:\n%s", line, got, out.text.String())
		}
	}
}

// TestReconnect drops the connections of subscriptions; they go on elsewhere.
func TestReconnect(t *testing.T) {
	n := serve(t, memory.NewDense(), free, nil)
	defer n.stop(t)
	var c counts
	log := connect(t, n.address, eventstoredb.Options{Hooks: c.hooks()})
	write(t, log, 1, 1)
	const times = 3
	v := eventlog.Version(0)
	for r, err := range log.Subscribe(t.Context(), 0, "a") {
		if err != nil {
			t.Fatal(err)
		}
		if v++; r.Version != v {
			t.Fatalf("version %d came, want %d", r.Version, v)
		}
		if c.dropped.Load() != int64(v-1) {
			t.Errorf("%d drops before version %d", c.dropped.Load(), v)
		}
		if v > times {
			break
		}
		log.Reconnect()
		if _, err := log.Append(t.Context(), "a-0", v, event("a-0", int(v))); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOneSeed knows one node only, which follows: it says who leads, also to
// many at a time, and after the leader has changed.
func TestOneSeed(t *testing.T) {
	cluster := clustertest.New(t, memory.NewDense(), clustertest.Options{})
	log := connect(t, cluster.Address(1), eventstoredb.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	arrived := make(chan eventlog.Recorded, 1_000)
	var reader sync.WaitGroup
	defer reader.Wait()
	defer cancel()
	reader.Go(func() {
		for r, err := range log.Subscribe(ctx, 0, "a", "b") {
			if err == nil {
				arrived <- r
			}
		}
	})
	for round, leader := range []int{0, 2, 0, 1, 2} {
		if cluster.Leader() != leader {
			cluster.Resign(leader)
		}
		var writers sync.WaitGroup
		for w := range 64 {
			s := eventlog.Stream("a-" + string(rune('A'+w)))
			writers.Go(func() {
				if _, err := log.Append(ctx, s, eventlog.Version(round), event(s, round)); err != nil {
					t.Errorf("round %d: %v", round, err)
				}
			})
		}
		writers.Wait()
		for range 64 {
			select {
			case <-arrived:
			case <-ctx.Done():
				t.Fatalf("round %d: the subscription stands still", round)
			}
		}
	}
}
