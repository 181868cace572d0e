package main_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"orderflow/infra/servicestest"
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
	alone := node{path: f.binary}.on(t.TempDir())
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
	f.script(t, "fleet.sh", "stop", "--dir", f.dir) // the providers' books are closed
	f.gatewayAgrees(t, compute(t, file, 0))
}

// fleet is what the scripts started.
type fleet struct {
	dir, services string
	binary        string
	node          node
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
	f.node = node{path: f.binary, data: t.TempDir()}
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

// gatewayAgrees holds the providers' own books against the file: the gateway's
// are the payment process's, the carrier's those of the process with shipping.
func (f *fleet) gatewayAgrees(t *testing.T, want figures) {
	t.Helper()
	var books []byte
	for _, process := range []string{"payment", "stock"} {
		data, err := os.ReadFile(filepath.Join(f.dir, process, "data", "simulator", "ledger.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		books = append(books, data...)
	}
	dir := filepath.Join(t.TempDir(), "simulator")
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "ledger.jsonl"), books, 0o600)); err != nil {
		t.Fatal(err)
	}
	gatewayAgrees(t, node{data: filepath.Dir(dir)}, want)
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
