package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"orderflow/infra/simulator"
)

const (
	// stops is how often a server is ended under load: killed and drained in turn.
	stops      = 20
	stopsShort = 4
	// readyWithin is how long a server may take from its start to ready.
	readyWithin = 5 * time.Second
	// betweenStops is how long a server works between two ends, at most.
	betweenStops = 1500 * time.Millisecond
	// loadClients place orders at the same time.
	loadClients = 8
	// maxLoadOrders bounds the load whatever the machine does.
	maxLoadOrders = 20_000
	// settleWithin bounds the wait for the last order.
	settleWithin = 90 * time.Second
)

// serveSurvivesStops ends a server whose log is in an event store at 20 moments
// under load, by SIGKILL and SIGTERM in turn, and starts it again. Each start is
// ready soon; in the end every acknowledged order is settled and was charged once.
func serveSurvivesStops(t *testing.T, binary program) {
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // a seed
	if given, err := strconv.ParseUint(os.Getenv("ORDERFLOW_SEED"), 10, 64); err == nil {
		seed = given
	}
	t.Logf("ORDERFLOW_SEED=%d", seed)
	chance := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // reproducible chance
	n := binary.on(t.TempDir()).with(startStore(t, binary))
	s := startServing(t, n)
	s.furnish(t)
	load := s.load(t)
	var slowest time.Duration
	for i := range inShort(t, stops, stopsShort) {
		time.Sleep(time.Duration(chance.Int64N(int64(betweenStops)))) // the moment is what is tried
		if i%2 == 0 {
			s.kill()
		} else {
			s.terminate(t)
		}
		slowest = max(slowest, s.start(t))
	}
	acknowledged := load()
	s.settles(t)
	t.Logf("%d orders acknowledged; the slowest start was ready after %v", len(acknowledged), slowest)
	if slowest > readyWithin {
		t.Errorf("a start took %v to be ready, not %v", slowest, readyWithin)
	}
	s.terminate(t)
	s.chargedOnce(t, acknowledged)
}

// serving is a server in a process of its own.
type serving struct {
	node         program
	cmd          *exec.Cmd
	said         *bytes.Buffer
	api, private atomic.Value // strings; other ones after each start
}

func startServing(t *testing.T, n program) *serving {
	t.Helper()
	s := &serving{node: n}
	s.start(t)
	t.Cleanup(s.kill)
	return s
}

// start returns when the server is ready, and how long that took.
func (s *serving) start(t *testing.T) time.Duration {
	t.Helper()
	begun := time.Now()
	told := filepath.Join(t.TempDir(), "told.json")
	s.cmd = s.node.command(t, "serve", "--listen", "127.0.0.1:0", "--private", "127.0.0.1:0", "--tell", told)
	s.said = &bytes.Buffer{}
	s.cmd.Stderr = s.said
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for time.Since(begun) < settleWithin {
		var at struct{ API, Private string }
		if data, err := os.ReadFile(told); err == nil && json.Unmarshal(data, &at) == nil {
			s.api.Store(at.API)
			s.private.Store(at.Private)
			if ready(at.Private) {
				return time.Since(begun)
			}
		}
		time.Sleep(10 * time.Millisecond) // a file cannot be waited for
	}
	s.kill()
	t.Fatalf("the server is not ready after %v:\n%s", settleWithin, s.said)
	return 0
}

func ready(private string) bool {
	answer, err := http.Get(private + "/healthz/ready") //nolint:noctx // on this machine
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

func (s *serving) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// terminate asks the server to end, and demands that it does so in order.
func (s *serving) terminate(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("the server did not end in order: %v\n%s", err, s.said)
	}
}

// post sends a request once and returns the answer's status and body; 0 when there is none.
func (s *serving) post(ctx context.Context, path, key, body string) (int, []byte) {
	base, _ := s.api.Load().(string)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+path, strings.NewReader(body))
	if err != nil {
		return 0, nil
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", key)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, nil
	}
	return answer.StatusCode, data
}

func (s *serving) furnish(t *testing.T) {
	t.Helper()
	for path, body := range map[string]string{
		"/v1/products":       `{"sku":"TEA-1","name":"Tea","price":{"minor":450,"currency":"GBP"}}`,
		"/v1/stock/receipts": `{"units":[{"sku":"TEA-1","quantity":100000}]}`,
	} {
		if status, answer := s.post(t.Context(), path, "furnish", body); status/100 != 2 {
			t.Fatalf("%s: %d %s", path, status, answer)
		}
	}
}

// load places orders until the returned function is called, which returns the
// ids of those that were acknowledged. An order is sent under its key until it is.
func (s *serving) load(t *testing.T) (stop func() map[string]bool) {
	ctx, cancel := context.WithCancel(t.Context())
	var working sync.WaitGroup
	var mu sync.Mutex
	var sent atomic.Int64
	acknowledged := map[string]bool{}
	for range loadClients {
		working.Go(func() {
			for ctx.Err() == nil {
				i := sent.Add(1)
				if i > maxLoadOrders {
					return
				}
				body := fmt.Sprintf(`{"customer":"c%d","payment_token":"tok_visa","lines":[{"sku":"TEA-1","quantity":2}]}`, i%50)
				for ctx.Err() == nil {
					status, answer := s.post(ctx, "/v1/orders", fmt.Sprint("o", i), body)
					var placed struct {
						Order string `json:"order_id"`
					}
					if status/100 == 2 && json.Unmarshal(answer, &placed) == nil && placed.Order != "" {
						mu.Lock()
						acknowledged[placed.Order] = true
						mu.Unlock()
						break
					}
					pause(ctx, 50*time.Millisecond)
				}
			}
		})
	}
	return func() map[string]bool {
		cancel()
		working.Wait()
		return acknowledged
	}
}

// settles waits until no order is under way.
func (s *serving) settles(t *testing.T) {
	t.Helper()
	var left string
	for begun := time.Now(); time.Since(begun) < settleWithin; time.Sleep(100 * time.Millisecond) {
		base, _ := s.api.Load().(string)
		left = ""
		for _, status := range []string{"placed", "cancelling"} {
			answer, err := http.Get(base + "/v1/orders?limit=1&status=" + status) //nolint:noctx // on this machine
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(answer.Body)
			_ = answer.Body.Close()
			if err != nil || answer.StatusCode != http.StatusOK {
				t.Fatalf("%d %v: %s", answer.StatusCode, err, data)
			}
			var list struct{ Items []json.RawMessage }
			if err := json.Unmarshal(data, &list); err != nil {
				t.Fatal(err)
			}
			for _, o := range list.Items {
				left += string(o)
			}
		}
		if left == "" {
			return
		}
	}
	t.Fatalf("after %v an order is under way still: %s", settleWithin, left)
}

// chargedOnce holds the provider's own books against what was acknowledged.
func (s *serving) chargedOnce(t *testing.T, acknowledged map[string]bool) {
	t.Helper()
	ledger, err := simulator.ReadLedger(filepath.Join(s.node.data, "simulator", simulator.LedgerFile))
	if err != nil {
		t.Fatal(err)
	}
	if twice := ledger.DoubleCharged(); len(twice) > 0 {
		t.Errorf("charged twice: %v", twice)
	}
	var sums replayed
	s.node.ask(t, &sums, "audit", "replay")
	confirmed := sums.Orders["confirmed"]
	if got, want := ledger.Captured["GBP"], confirmed*900; got != want || confirmed < int64(len(acknowledged)) {
		t.Errorf("%d orders were acknowledged, %d are confirmed of %v, and %d is captured, not %d", len(acknowledged), confirmed, sums.Orders, got, want)
	}
}
