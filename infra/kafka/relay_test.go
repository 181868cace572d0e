package kafka_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/kafka"
	"orderflow/infra/memory"
)

// The relay publishes every event once, in order for each key, and its place is the end of the log.
func TestRelayPublishesEveryEventInOrder(t *testing.T) {
	k, log, places := brokers(t), memory.New(), &memory.Checkpoints{}
	const orders, events = 50, 2_000
	history(t, log, orders, events)
	stop := running(t, kafka.Relay{Kafka: k, Log: log, Checkpoints: places}.Run)
	eventually(t, "the checkpoint is the end of the log", func() bool { return place(t, places) == events })
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("the relay ended with %v", err)
	}
	next := map[string]int64{}
	all := everything(t, k, kafka.EventsTopic)
	for _, m := range all {
		key := string(m.Key)
		next[key]++
		if have := header(m, "ce_streamversion"); have != strconv.FormatInt(next[key], 10) {
			t.Fatalf("order %s: version %s comes where %d belongs", key, have, next[key])
		}
	}
	if len(all) != events || len(next) != orders {
		t.Errorf("%d events of %d orders, want %d of %d", len(all), len(next), events, orders)
	}
}

// A relay that crashed goes on from its checkpoint: what is behind it is
// published once more, and nothing is lost.
func TestRelayGoesOnFromItsCheckpoint(t *testing.T) {
	k, log, places := brokers(t), memory.New(), &memory.Checkpoints{}
	history(t, log, 10, 100)
	if err := places.SaveCheckpoint(t.Context(), kafka.RelayName, 60); err != nil {
		t.Fatal(err)
	}
	stop := running(t, kafka.Relay{Kafka: k, Log: log, Checkpoints: places}.Run)
	eventually(t, "the rest is published", func() bool { return place(t, places) == 100 })
	_ = stop()
	if all := everything(t, k, kafka.EventsTopic); len(all) != 40 {
		t.Errorf("%d events were published, want the 40 above the checkpoint", len(all))
	}
}

// A relay that another has replaced learns it from its checkpoint, and ends.
func TestRelayEndsWhenAnotherHasTakenOver(t *testing.T) {
	k, log := brokers(t), memory.New()
	places := &fenced{}
	history(t, log, 1, 10)
	done := make(chan error, 1)
	running(t, func(ctx context.Context) error {
		err := kafka.Relay{Kafka: k, Log: log, Checkpoints: places}.Run(ctx)
		done <- err
		return err
	})
	eventually(t, "ten events are acknowledged", func() bool { return place(t, &places.Checkpoints) == 10 })
	places.fence()
	if err := <-done; domain.KindOf(err) != domain.Conflict {
		t.Errorf("the relay ended with %v, want a conflict", err)
	}
}

// A checkpoint beyond the end of the log is one of another log.
func TestRelayBeginsAgainOnAnotherLog(t *testing.T) {
	k, log, places := brokers(t), memory.New(), &memory.Checkpoints{}
	history(t, log, 1, 3)
	if err := places.SaveCheckpoint(t.Context(), kafka.RelayName, 1_000); err != nil {
		t.Fatal(err)
	}
	stop := running(t, kafka.Relay{Kafka: k, Log: log, Checkpoints: places}.Run)
	eventually(t, "the log is published from its start", func() bool { return place(t, places) == 3 })
	_ = stop()
}

func place(t testing.TB, places *memory.Checkpoints) eventlog.Position {
	t.Helper()
	p, err := places.LoadCheckpoint(t.Context(), kafka.RelayName)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// fenced are checkpoints that another relay can take over.
type fenced struct {
	memory.Checkpoints
	mu    sync.Mutex
	taken bool
}

func (f *fenced) fence() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.taken = true
}

func (f *fenced) SaveCheckpoint(ctx context.Context, name string, p eventlog.Position) error {
	f.mu.Lock()
	taken := f.taken
	f.mu.Unlock()
	if taken {
		return domain.Errorf(domain.Conflict, "another relay holds the lease")
	}
	return f.Checkpoints.SaveCheckpoint(ctx, name, p)
}
