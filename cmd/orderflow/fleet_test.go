package main_test

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
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

// fleetProcesses are all that have a role, two of each. While a whole file is
// imported, each is killed once and drained once.
var fleetProcesses = []string{
	"order-a", "payment-a", "stock-a", "views-a", "gateway-a",
	"payment-b", "order-b", "views-b", "stock-b", "gateway-b",
}

// TestFleet has two processes of every role, a simulator and an EventStoreDB node
// on real PostgreSQL, Redis and Kafka. An import, while parts of that are taken away
// in turn, must end as if one process had done it, and as the file says; orders that
// are placed while the providers fail must be charged once.
func TestFleet(t *testing.T) {
	if testing.Short() {
		t.Skip("in short form there is no fleet")
	}
	servicestest.Postgres(t) // where there are none at all, the test says so
	servicestest.Kafka(t)
	f := startFleet(t)
	t.Run("import", f.imports)
	t.Run("charges once", f.chargesOnce)
}

// imports imports a file while every part is struck.
func (f *fleet) imports(t *testing.T) {
	file, rounds := sampleFile, 1
	if whole := wholeFile(t); whole != "" {
		file, rounds = whole, len(fleetProcesses)
	}
	alone := program{path: f.binary}.on(t.TempDir())
	expected, _ := alone.runImport(t, file, asFlag(0))
	f.enter(t)
	struck, rest := f.disturb(t, rounds)
	got, times := f.node.runImport(t, file, asFlag(0))
	rest()
	if !reflect.DeepEqual(got, expected) {
		t.Fatalf("the fleet says\n%+v, one process\n%+v", got, expected)
	}
	t.Logf("%d orders in %.1f s: %.0f orders/s, with %v meanwhile", got.OrdersPlaced, times.Elapsed, times.Rate, struck)
	if rounds == len(fleetProcesses) {
		for _, blow := range f.blows(t, 0) {
			if struck[blow.kind] < rounds {
				t.Errorf("%s came %d times while the import ran, not %d", blow.kind, struck[blow.kind], rounds)
			}
		}
	}
	if again, _ := f.node.runImport(t, file, asFlag(0)); !reflect.DeepEqual(again, expected) {
		t.Errorf("the second run says\n%+v, one process\n%+v", again, expected)
	}
	logAgrees(t, f.node, compute(t, file, 0))
	verifies(t, f.node)
	f.published(t)
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

// start starts what does not run, and logs how long each process took until it was ready.
func (f *fleet) start(t *testing.T) {
	t.Helper()
	said := f.script(t, "fleet.sh", "start", "--dir", f.dir, "--services", f.services)
	for _, took := range regexp.MustCompile(`\S+: ready after .*`).FindAllString(said, -1) {
		t.Log(took)
	}
}

// script runs one of infra/deploy, with servers of its own.
func (f *fleet) script(t *testing.T, name string, args ...string) (said string) {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), filepath.Join("..", "..", "infra", "deploy", name), args...)
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "ORDERFLOW_") {
			cmd.Env = append(cmd.Env, pair)
		}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
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

// blow is one disturbance.
type blow struct {
	kind   string
	strike func()
}

// blows are the disturbances of one round: each process is killed in one round, and
// drained in another one.
func (f *fleet) blows(t *testing.T, round int) []blow {
	n := len(fleetProcesses)
	killed, drained := fleetProcesses[round%n], fleetProcesses[(round+n/2)%n]
	return []blow{
		{"a flushed Redis", func() { f.flush(t) }},
		{"a restarted Kafka", func() { f.script(t, "services.sh", "restart", "kafka", "--dir", f.services) }},
		{"a restarted PostgreSQL", func() { f.script(t, "services.sh", "restart", "postgres", "--dir", f.services) }},
		{"a killed process", func() { f.strike(t, "kill", killed) }},
		{"a drained process", func() { f.strike(t, "drain", drained) }},
	}
}

// disturb takes parts away in turn, for some rounds or until rest is called, and
// counts how often. The counts may be read after rest.
func (f *fleet) disturb(t *testing.T, rounds int) (struck map[string]int, rest func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	struck = map[string]int{}
	var work sync.WaitGroup
	work.Go(func() {
		for round := range rounds {
			for _, b := range f.blows(t, round) {
				if ctx.Err() != nil {
					return
				}
				b.strike()
				if ctx.Err() == nil {
					struck[b.kind]++
				}
				pause(ctx, time.Second)
			}
		}
	})
	return struck, func() { cancel(); work.Wait() }
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

// strike ends one process, by "kill" or "drain", and starts it again.
func (f *fleet) strike(t *testing.T, how, name string) {
	t.Helper()
	t.Logf("%s %s", how, name)
	f.script(t, "fleet.sh", how, name, "--dir", f.dir)
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

// ledger adds up what the gateways and carriers of the fleet did.
func (f *fleet) ledger(t *testing.T) simulator.Summary {
	t.Helper()
	sum, err := simulator.ReadLedger(filepath.Join(f.dir, "simulator", "data", "simulator", simulator.LedgerFile))
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// gatewayAgrees holds the one ledger of the providers against the file.
func (f *fleet) gatewayAgrees(t *testing.T, want figures) {
	t.Helper()
	have := f.ledger(t)
	if have.Captured["GBP"] != pence(t, want.captured) || have.Refunded["GBP"] != pence(t, want.refunded) {
		t.Errorf("the gateway captured %v and refunded %v, the file says %d and %d",
			have.Captured, have.Refunded, pence(t, want.captured), pence(t, want.refunded))
	}
	if n := have.Bookings - have.Cancellations; n != int64(want.confirmed) {
		t.Errorf("the carrier has %d parcels, the file %d", n, want.confirmed)
	}
	for id, account := range have.Orders {
		if account.Captures > 1 || account.Bookings > 1 {
			t.Errorf("order %s was charged or booked twice: %+v", id, account)
		}
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
