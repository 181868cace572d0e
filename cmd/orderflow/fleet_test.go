package main_test

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/redis/go-redis/v9"

	"orderflow/infra/deploy/servicestest"
	"orderflow/infra/kafka"
	"orderflow/infra/simulator"
)

// blows is how often each disturbance comes while a whole file is imported.
const blows = 5

// TestFleet imports a file into six processes on real PostgreSQL, Redis and
// Kafka and an EventStoreDB node, while parts of that are taken away in turn.
// All must be as if one process had done it, and as the file says.
func TestFleet(t *testing.T) {
	if testing.Short() {
		t.Skip("in short form there is no fleet")
	}
	servicestest.Postgres(t) // where there are none at all, the test says so
	servicestest.Kafka(t)
	file, want := sampleFile, 1
	if whole := wholeFile(t); whole != "" {
		file, want = whole, blows
	}
	f := startFleet(t)
	alone := program{path: f.binary}.on(t.TempDir())
	expected, _ := alone.runImport(t, file, asFlag(0))
	f.enter(t)
	struck, rest := f.disturb(t, want)
	got, times := f.node.runImport(t, file, asFlag(0))
	rest()
	if !reflect.DeepEqual(got, expected) {
		t.Fatalf("the fleet says\n%+v, one process\n%+v", got, expected)
	}
	for what, n := range *struck {
		if n < want {
			t.Errorf("%s came %d times while the import ran, not %d", what, n, want)
		}
	}
	t.Logf("%d orders in %.1f s: %.0f orders/s, with %v meanwhile", got.OrdersPlaced, times.Elapsed, times.Rate, *struck)
	if again, _ := f.node.runImport(t, file, asFlag(0)); !reflect.DeepEqual(again, expected) {
		t.Errorf("the second run says\n%+v, one process\n%+v", again, expected)
	}
	logAgrees(t, f.node, compute(t, file, 0))
	verifies(t, f.node)
	f.published(t)
	f.script(t, "fleet.sh", "stop", "--dir", f.dir) // the providers' books are closed
	f.gatewayAgrees(t, compute(t, file, 0))
}

// fleet is what the scripts started.
type fleet struct {
	dir, services string
	binary        string
	node          program
	environment   map[string]string
}

// startFleet starts servers of its own, which it may hurt, and a fleet on them.
func startFleet(t *testing.T) *fleet {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o711); err != nil { //nolint:gosec // PostgreSQL has a user of its own, who must pass
		t.Fatal(err)
	}
	f := &fleet{dir: filepath.Join(dir, "fleet"), services: filepath.Join(dir, "services")}
	t.Cleanup(func() { f.script(t, "services.sh", "stop", "--dir", f.services) })
	f.script(t, "services.sh", "start", "--dir", f.services)
	t.Cleanup(func() {
		if t.Failed() {
			f.showLogs(t)
		}
		f.script(t, "fleet.sh", "stop", "--dir", f.dir)
	})
	f.start(t)
	f.binary = filepath.Join(f.dir, "orderflow")
	f.environment = readEnvironment(t, filepath.Join(f.dir, "env"))
	f.node = program{path: f.binary, data: t.TempDir()}
	return f
}

// enter has every command from now on ask the fleet.
func (f *fleet) enter(t *testing.T) {
	t.Helper()
	for name, value := range f.environment {
		t.Setenv(name, value)
	}
}

func (f *fleet) start(t *testing.T) {
	t.Helper()
	f.script(t, "fleet.sh", "start", "--dir", f.dir, "--services", f.services)
}

// script runs one of infra/deploy, with servers of its own.
func (f *fleet) script(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), filepath.Join("..", "..", "infra", "deploy", name), args...)
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "ORDERFLOW_") {
			cmd.Env = append(cmd.Env, pair)
		}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s %v: %v\n%s", name, args, err, out)
	}
}

func readEnvironment(t *testing.T, path string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), "=")
		all[name] = strings.Trim(value, "'")
	}
	return all
}

// disturb takes parts away in turn until rest is called, and counts how often.
// It begins again until every part was struck as often as wanted.
func (f *fleet) disturb(t *testing.T, want int) (struck *map[string]int, rest func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	counts := map[string]int{}
	var work sync.WaitGroup
	work.Go(func() {
		for round := 0; ctx.Err() == nil && counts["a killed order process"] < want; round++ {
			for _, blow := range []struct {
				name   string
				strike func()
			}{
				{"a flushed Redis", func() { f.flush(t) }},
				{"a restarted Kafka", func() { f.script(t, "services.sh", "restart", "kafka", "--dir", f.services) }},
				{"a restarted PostgreSQL", func() { f.script(t, "services.sh", "restart", "postgres", "--dir", f.services) }},
				{"a killed order process", func() { f.kill(t, []string{"order-a", "order-b"}[round%2]) }},
			} {
				if ctx.Err() != nil {
					return
				}
				blow.strike()
				if ctx.Err() == nil {
					counts[blow.name]++
				}
				pause(ctx, time.Second)
			}
		}
	})
	return &counts, func() { cancel(); work.Wait() }
}

func (f *fleet) flush(t *testing.T) {
	t.Helper()
	o, err := redis.ParseURL(f.environment["ORDERFLOW_REDIS"])
	if err != nil {
		t.Error(err)
		return
	}
	c := redis.NewClient(o)
	defer c.Close() //nolint:errcheck // the flush tells
	if err := c.FlushAll(context.WithoutCancel(t.Context())).Err(); err != nil {
		t.Errorf("Redis is not flushed: %v", err)
	}
}

// kill ends one process at once, and starts it again.
func (f *fleet) kill(t *testing.T, name string) {
	t.Helper()
	f.script(t, "fleet.sh", "kill", name, "--dir", f.dir)
	f.start(t)
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// published holds what is in Kafka against the log: every event is there, each
// under its own position.
func (f *fleet) published(t *testing.T) {
	t.Helper()
	var log replayed
	f.node.ask(t, &log, "audit", "replay")
	c := sarama.NewConfig()
	c.Version = sarama.V3_6_0_0
	client, err := sarama.NewClient(strings.Split(f.environment["ORDERFLOW_KAFKA"], ","), c)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close() //nolint:errcheck // it only reads
	partitions, err := client.Partitions(kafka.EventsTopic)
	if err != nil {
		t.Fatal(err)
	}
	there, repeats := map[string]bool{}, 0
	for _, p := range partitions {
		eachMessage(t, client, p, func(m *sarama.ConsumerMessage) {
			at := header(m, "ce_position")
			if there[at] {
				repeats++
			}
			there[at] = true
		})
	}
	if int64(len(there)) != log.Events {
		t.Errorf("%d events are in Kafka, %d in the log", len(there), log.Events)
	}
	t.Logf("%d events are in Kafka, %d of them again", len(there), repeats)
}

func header(m *sarama.ConsumerMessage, name string) string {
	for _, h := range m.Headers {
		if string(h.Key) == name {
			return string(h.Value)
		}
	}
	return ""
}

// eachMessage calls f for every message that a partition has now.
func eachMessage(t *testing.T, client sarama.Client, partition int32, f func(*sarama.ConsumerMessage)) {
	t.Helper()
	end, err := client.GetOffset(kafka.EventsTopic, partition, sarama.OffsetNewest)
	if err != nil {
		t.Fatal(err)
	}
	if end == 0 {
		return
	}
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		t.Fatal(err)
	}
	defer consumer.Close() //nolint:errcheck // it only reads
	messages, err := consumer.ConsumePartition(kafka.EventsTopic, partition, sarama.OffsetOldest)
	if err != nil {
		t.Fatal(err)
	}
	defer messages.Close() //nolint:errcheck // it only reads
	for m := range messages.Messages() {
		f(m)
		if m.Offset >= end-1 {
			return
		}
	}
}

// gatewayAgrees holds the providers' own books against the file: the gateway's
// are the payment process's, the carrier's those of the process with shipping.
func (f *fleet) gatewayAgrees(t *testing.T, want figures) {
	t.Helper()
	books := func(process string) simulator.Summary {
		t.Helper()
		sum, err := simulator.ReadLedger(filepath.Join(f.dir, process, "data", "simulator", simulator.LedgerFile))
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	money, parcels := books("payment"), books("stock")
	if money.Captured["GBP"] != pence(t, want.captured) || money.Refunded["GBP"] != pence(t, want.refunded) {
		t.Errorf("the gateway captured %v and refunded %v, the file says %d and %d",
			money.Captured, money.Refunded, pence(t, want.captured), pence(t, want.refunded))
	}
	if twice := money.DoubleCharged(); len(twice) > 0 {
		t.Errorf("charged twice: %v", twice)
	}
	if have := parcels.Bookings - parcels.Cancellations; have != int64(want.confirmed) {
		t.Errorf("the carrier has %d parcels, the file %d", have, want.confirmed)
	}
}

// showLogs gives the end of what the processes said.
func (f *fleet) showLogs(t *testing.T) {
	t.Helper()
	logs, _ := filepath.Glob(filepath.Join(f.dir, "*", "log"))
	for _, path := range logs {
		if data, err := os.ReadFile(path); err == nil {
			t.Logf("%s:\n%s", path, data[max(0, len(data)-4_000):])
		}
	}
}
