package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderflow/infra/deploy/servicestest"
	"orderflow/infra/kafka"
	"orderflow/infra/memory"
)

// ownBroker starts a broker that only this test uses, and that it may restart.
func ownBroker(t *testing.T) (address []string, restart func()) {
	t.Helper()
	script, err := filepath.Abs("../deploy/services.sh")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	services := func(ctx context.Context, args ...string) error {
		c := exec.CommandContext(ctx, script, append(args, "--dir", dir)...)
		for _, v := range os.Environ() {
			if !strings.HasPrefix(v, servicestest.KafkaVariable+"=") {
				c.Env = append(c.Env, v)
			}
		}
		for _, other := range []string{servicestest.PostgresVariable, servicestest.RedisVariable, servicestest.RedisClusterVariable} {
			c.Env = append(c.Env, other+"=none") // elsewhere: not started here
		}
		if out, err := c.CombinedOutput(); err != nil {
			return errors.Join(err, errors.New(string(out)))
		}
		return nil
	}
	t.Cleanup(func() {
		if err := services(context.WithoutCancel(t.Context()), "stop"); err != nil {
			t.Error(err)
		}
	})
	if err := services(t.Context(), "start"); err != nil {
		t.Fatal(err)
	}
	env, err := os.ReadFile(filepath.Join(dir, "env"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(env)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), servicestest.KafkaVariable+"="); ok {
			address = strings.Split(value, ",")
		}
	}
	if len(address) == 0 {
		t.Fatalf("no broker in %s", env)
	}
	return address, func() {
		if err := services(t.Context(), "restart", "kafka"); err != nil { // on a busy machine it may not come up at once
			t.Logf("the restart, which is tried again: %v", err)
			if err := services(t.Context(), "start"); err != nil {
				t.Error(err)
			}
		}
	}
}

// The only broker restarts twice while events come: the relay and the members
// go on by themselves, every event is in the topic, in order for each key once
// repeats are taken out, and each order is looked at after its last event.
func TestABrokerThatRestartsUnderLoad(t *testing.T) {
	servicestest.Kafka(t) // where there is none, one cannot be started either
	if testing.Short() {
		t.Skip("it restarts a broker of its own; the full run does")
	}
	address, restart := ownBroker(t)
	c := kafka.Config{Brokers: address, Prefix: "t."}
	k, log, places := kafka.New(c), memory.New(), &memory.Checkpoints{}
	t.Cleanup(func() { _ = k.Close() })
	running(t, kafka.Relay{Kafka: k, Log: log, Checkpoints: places}.Run)
	m := join(t, log, c)
	const orders = 50
	rounds := 0
	load := func() { rounds++; appendTo(t, log, orders, 1) }
	load()
	eventually(t, "all are seen", func() bool { return seenBy(orders, int64(rounds), m) })
	for range 2 {
		done := make(chan struct{})
		go func() { defer close(done); restart() }()
		for over := false; !over; {
			select {
			case <-done:
				over = true
			case <-time.After(20 * time.Millisecond):
				load()
			}
		}
		load()
		begun := time.Now()
		within(t, 2*time.Minute, "each order is looked at after its last event", func() bool { return seenBy(orders, int64(rounds), m) })
		t.Logf("%d events; all seen %v after the broker was back", rounds*orders, time.Since(begun).Round(10*time.Millisecond))
	}
	eventually(t, "all is published and checkpointed", func() bool { return place(t, places) == endOf(t, log) })
	ids, repeats, old := map[string]bool{}, 0, 0
	next := map[string]int{}
	for _, in := range topicOf(t, address, k.Topic(kafka.EventsTopic)) {
		id := header(in, "ce_id")
		if ids[id] {
			repeats++
			continue
		}
		ids[id] = true
		key := string(in.Key)
		if next[key]++; header(in, "ce_streamversion") != fmt.Sprint(next[key]) {
			old++
		}
	}
	if len(ids) != rounds*orders {
		t.Errorf("%d different events in the topic, want %d", len(ids), rounds*orders)
	}
	t.Logf("%d events, %d repeats, %d not in the order of their stream at first sight", len(ids), repeats, old)
}
