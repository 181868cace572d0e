package kafka_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
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
	eventually(t, "the checkpoint is the end of the log", func() bool { return place(t, places) == endOf(t, log) })
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
	if err := places.SaveCheckpoint(t.Context(), kafka.RelayName, eventlog.Checkpoint{Event: markOf(t, log, 60)}); err != nil {
		t.Fatal(err)
	}
	stop := running(t, kafka.Relay{Kafka: k, Log: log, Checkpoints: places}.Run)
	eventually(t, "the rest is published", func() bool { return place(t, places) == endOf(t, log) })
	_ = stop()
	if all := everything(t, k, kafka.EventsTopic); len(all) != 40 {
		t.Errorf("%d events were published, want the 40 above the checkpoint", len(all))
	}
}

// The checkpoint does not move over what the brokers have not acknowledged; a
// relay that is stopped then has lost nothing.
func TestTheCheckpointWaitsForTheBrokers(t *testing.T) {
	var network wire
	var c kafka.Config
	k := brokers(t, func(own *kafka.Config) { c = *own })
	c.Dialer = &network
	silenced := kafka.New(c)
	log, places := memory.New(), &fenced{}
	history(t, log, 5, 10)
	stop := running(t, kafka.Relay{Kafka: silenced, Log: log, Checkpoints: places}.Run)
	ten := endOf(t, log)
	eventually(t, "ten events are acknowledged", func() bool { return place(t, &places.Checkpoints) == ten })
	speak := network.hush()
	defer speak()
	appendTo(t, log, 5, 10) // behind the history, to the same orders
	saved := places.saved.Load()
	eventually(t, "the checkpoint was saved twice more", func() bool { return places.saved.Load() >= saved+2 })
	if p := place(t, &places.Checkpoints); p != ten {
		t.Errorf("the checkpoint is %d, and only the events up to %d are acknowledged", p, ten)
	}
	network.cut(true) // nothing that is under way arrives
	_ = stop()
	_ = silenced.Close()
	running(t, kafka.Relay{Kafka: k, Log: log, Checkpoints: places}.Run)
	eventually(t, "the next relay has published all", func() bool { return place(t, &places.Checkpoints) == endOf(t, log) })
	ids := map[string]bool{}
	for _, m := range everything(t, k, kafka.EventsTopic) {
		ids[header(m, "ce_id")] = true
	}
	if len(ids) != 60 {
		t.Errorf("%d different events are in the topic, want 60", len(ids))
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
	eventually(t, "ten events are acknowledged", func() bool { return place(t, &places.Checkpoints) == endOf(t, log) })
	places.fence()
	if err := <-done; domain.KindOf(err) != domain.Conflict {
		t.Errorf("the relay ended with %v, want a conflict", err)
	}
}

func place(t testing.TB, places *memory.Checkpoints) eventlog.Position {
	t.Helper()
	p, err := places.LoadCheckpoint(t.Context(), kafka.RelayName)
	if err != nil {
		t.Fatal(err)
	}
	return p.Position()
}

// markOf returns the mark of the n-th event of a log.
func markOf(t testing.TB, log *memory.Log, n int) eventlog.Mark {
	t.Helper()
	for r, err := range log.ReadAll(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if n--; n == 0 {
			return eventlog.MarkOf(r)
		}
	}
	t.Fatal("the log has fewer events")
	return eventlog.Mark{}
}

// fenced are checkpoints that another relay can take over.
type fenced struct {
	memory.Checkpoints
	saved atomic.Int64
	mu    sync.Mutex
	taken bool
}

func (f *fenced) fence() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.taken = true
}

func (f *fenced) SaveCheckpoint(ctx context.Context, name string, at eventlog.Checkpoint) error {
	f.mu.Lock()
	taken := f.taken
	f.mu.Unlock()
	if taken {
		return domain.Errorf(domain.Conflict, "another relay holds the lease")
	}
	defer f.saved.Add(1)
	return f.Checkpoints.SaveCheckpoint(ctx, name, at)
}
