package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"orderflow/cmd/orderflow/internal/audit"
	"orderflow/cmd/orderflow/internal/bench"
	"orderflow/cmd/orderflow/internal/node"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
	"orderflow/infra/memory"
)

// benchOn is a bench on a store that is done in no time.
func benchOn(t *testing.T, store string) *bench.Bench {
	t.Helper()
	b, err := bench.New(bench.MinScale, store, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	b.Sizes = bench.StoreSizes{Time: 20 * time.Millisecond, Streams: 3, Events: 2 * bench.StoreBatchEvents}
	t.Cleanup(b.Close)
	return b
}

// TestBenchOfAStoreWritesItsOwnStreams and nothing else, and can be run again.
func TestBenchOfAStoreWritesItsOwnStreams(t *testing.T) {
	log := memory.NewDense()
	store := storeOn(t, log)
	for range 2 {
		b := benchOn(t, store)
		for _, m := range bench.StoreBenchmarks() {
			if !m.Always || m.Name == "import" {
				continue
			}
			f, err := m.Measure(b, t.Context())
			if err != nil || f.Value <= 0 || f.Unit == "" || f.Detail == "" {
				t.Errorf("%s: %+v, %v", m.Name, f, err)
			}
		}
	}
	events := 0
	for r, err := range log.ReadAll(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if audit.IsSystem(r) {
			continue
		}
		if events++; r.Stream.Category() != bench.Category {
			t.Fatalf("an event of %s was written", r.Stream)
		}
	}
	if most := 2 * 2 * 3 * 2 * bench.StoreBatchEvents; events <= most {
		t.Errorf("%d events were written; streams and catch-up alone make %d", events, most)
	}
}

// TestBenchCanPlaceOrdersAgain on a store that has those of an earlier run: the
// keys of a run are its own, or its orders would be repeats and never confirmed.
func TestBenchCanPlaceOrdersAgain(t *testing.T) {
	store := storeOn(t, memory.NewDense())
	for range 2 {
		b := benchOn(t, store)
		if err := b.Prepare(t.Context(), "confirm"); err != nil {
			t.Fatal(err)
		}
		app, err := b.Node(t.Context(), b.Folder(), "")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		err = app.While(ctx, func(ctx context.Context) error {
			r, err := bench.RunOrders(ctx, app, b.Run+"full", 5, 5)
			if r.PerSecond <= 0 {
				t.Errorf("%+v, %v", r, err)
			}
			return err
		})
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if err := app.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestBenchImportsIntoAnEmptyStoreOnly and says so where it is named.
func TestBenchImportsIntoAnEmptyStoreOnly(t *testing.T) {
	log := memory.NewDense()
	store := storeOn(t, log)
	b := benchOn(t, store)
	if _, err := b.StoreAppend(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if reason, err := b.HasOrders(t.Context()); reason != nil || err != nil {
		t.Errorf("with events of the bench alone: %v, %v", reason, err)
	}
	work(t, node.Config{Data: t.TempDir(), EventStore: store}, "one")
	var out bytes.Buffer
	c := bench.Command{Names: []string{"import"}, Scale: bench.MinScale}
	c.EventStore = store
	wantKind(t, c.Run(t.Context(), terminal.Streams{Out: &out, Err: io.Discard}, slog.New(slog.DiscardHandler)), domain.Rejected, "measured on an empty one")
	h := bench.History()
	if len(h.Invoices) != bench.StoreOrders || h.Rows < bench.StoreOrders*bench.StoreLines*9/10 || h.Rows > bench.StoreOrders*bench.StoreLines*11/10 {
		t.Errorf("%d orders of %d lines in all", len(h.Invoices), h.Rows)
	}
}

// TestBenchShowsFiguresOfTheStore and no budget of the embedded log.
func TestBenchShowsFiguresOfTheStore(t *testing.T) {
	seconds := 1.5
	r := bench.StoreReport{Store: "db.example.com:2113", Results: []bench.StoreFigure{
		{Name: "append-1", Unit: "appends/s", Value: 1_234, ClientCPU: 0.25, ServerCPU: &seconds, Detail: "how"}, {Name: "streams", Unit: "events/s", Value: 1},
	}, Left: []string{"import: there are orders"}}
	var out bytes.Buffer
	if err := r.Show(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"EventStoreDB at db.example.com:2113 (elsewhere", "1,234", "0.25 s", "1.50 s", "left out: import: there are orders"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if text := strings.ToLower(out.String()); strings.Contains(text, "budget") || strings.Contains(text, "ratio") {
		t.Errorf("budgets are shown:\n%s", out.String())
	}
}

// TestServerIsFoundByItsPort where it is on this machine.
func TestServerIsFoundByItsPort(t *testing.T) {
	if _, err := os.Stat("/proc/net/tcp"); err != nil {
		t.Skipf("NOT TESTED: this system has no /proc/net/tcp: %v", err)
	}
	var lc net.ListenConfig
	socket, err := lc.Listen(t.Context(), "tcp", node.AnyPort)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close() //nolint:errcheck // nothing was sent
	at := socket.Addr().String()
	_, port, _ := net.SplitHostPort(at)
	for _, name := range []string{at, at + " without TLS", "localhost:" + port} {
		if s := bench.ServerOf(name); s == nil || s.PID != os.Getpid() || s.Name == "" {
			t.Errorf("%s is %+v, want process %d", name, s, os.Getpid())
		}
	}
	for _, name := range []string{"db.example.com:" + port, at + "," + at, "127.0.0.1:1", "nonsense", ""} {
		if s := bench.ServerOf(name); s != nil {
			t.Errorf("%q is %+v", name, s)
		}
	}
	s, before := bench.ServerOf(at), bench.OwnCPU()
	for first := s.CPU(); s.CPU() < first+2*time.Second/bench.ClockTicks; { //nolint:revive // asking is work
	}
	if used := bench.OwnCPU() - before; used <= 0 || s.CPU() > 2*bench.OwnCPU()+time.Second {
		t.Errorf("/proc says %s, the system %s", s.CPU(), bench.OwnCPU())
	}
	if (*bench.LocalServer)(nil).CPU() != 0 {
		t.Error("a server elsewhere has a processor time")
	}
}
