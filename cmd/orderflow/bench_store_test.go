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

	"orderflow/domain"
	"orderflow/infra/memory"
)

// benchOn is a bench on a store that is done in no time.
func benchOn(t *testing.T, store string) *bench {
	t.Helper()
	b, err := newBench(minScale, store, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	b.sizes = storeSizes{time: 20 * time.Millisecond, streams: 3, events: 2 * storeBatchEvents}
	t.Cleanup(b.close)
	return b
}

// TestBenchOfAStoreWritesItsOwnStreams and nothing else, and can be run again.
func TestBenchOfAStoreWritesItsOwnStreams(t *testing.T) {
	log := memory.NewDense()
	store := storeOn(t, log)
	for range 2 {
		b := benchOn(t, store)
		for _, m := range storeBenchmarks() {
			if !m.always || m.name == "import" {
				continue
			}
			f, err := m.measure(b, t.Context())
			if err != nil || f.Value <= 0 || f.Unit == "" || f.Detail == "" {
				t.Errorf("%s: %+v, %v", m.name, f, err)
			}
		}
	}
	events := 0
	for r, err := range log.ReadAll(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if isSystem(r) {
			continue
		}
		if events++; r.Stream.Category() != benchCategory {
			t.Fatalf("an event of %s was written", r.Stream)
		}
	}
	if most := 2 * 2 * 3 * 2 * storeBatchEvents; events <= most {
		t.Errorf("%d events were written; streams and catch-up alone make %d", events, most)
	}
}

// TestBenchCanPlaceOrdersAgain on a store that has those of an earlier run: the
// keys of a run are its own, or its orders would be repeats and never confirmed.
func TestBenchCanPlaceOrdersAgain(t *testing.T) {
	store := storeOn(t, memory.NewDense())
	for range 2 {
		b := benchOn(t, store)
		if err := b.prepare(t.Context(), "confirm"); err != nil {
			t.Fatal(err)
		}
		app, err := b.node(t.Context(), b.folder(), "")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		err = app.while(ctx, func(ctx context.Context) error {
			r, err := runOrders(ctx, app, b.run+"full", 5, 5)
			if r.perSecond <= 0 {
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
	if _, err := b.storeAppend(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if reason, err := b.hasOrders(t.Context()); reason != nil || err != nil {
		t.Errorf("with events of the bench alone: %v, %v", reason, err)
	}
	work(t, config{Data: t.TempDir(), EventStore: store}, "one")
	var out bytes.Buffer
	c := benchCmd{Names: []string{"import"}, Scale: minScale}
	c.EventStore = store
	wantKind(t, c.Run(t.Context(), streams{&out, io.Discard}, slog.New(slog.DiscardHandler)), domain.Rejected, "measured on an empty one")
	h := benchHistory()
	if len(h.Invoices) != storeOrders || h.Rows < storeOrders*storeLines*9/10 || h.Rows > storeOrders*storeLines*11/10 {
		t.Errorf("%d orders of %d lines in all", len(h.Invoices), h.Rows)
	}
}

// TestBenchShowsFiguresOfTheStore and no budget of the embedded log.
func TestBenchShowsFiguresOfTheStore(t *testing.T) {
	seconds := 1.5
	r := storeReport{Store: "db.example.com:2113", Results: []storeFigure{
		{Name: "append-1", Unit: "appends/s", Value: 1_234, ClientCPU: 0.25, ServerCPU: &seconds, Detail: "how"}, {Name: "streams", Unit: "events/s", Value: 1},
	}, Left: []string{"import: there are orders"}}
	var out bytes.Buffer
	if err := r.show(&out); err != nil {
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
	socket, err := lc.Listen(t.Context(), "tcp", anyPort)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close() //nolint:errcheck // nothing was sent
	at := socket.Addr().String()
	_, port, _ := net.SplitHostPort(at)
	for _, name := range []string{at, at + " without TLS", "localhost:" + port} {
		if s := serverOf(name); s == nil || s.PID != os.Getpid() || s.Name == "" {
			t.Errorf("%s is %+v, want process %d", name, s, os.Getpid())
		}
	}
	for _, name := range []string{"db.example.com:" + port, at + "," + at, "127.0.0.1:1", "nonsense", ""} {
		if s := serverOf(name); s != nil {
			t.Errorf("%q is %+v", name, s)
		}
	}
	s, before := serverOf(at), ownCPU()
	for first := s.cpu(); s.cpu() < first+2*time.Second/clockTicks; { //nolint:revive // asking is work
	}
	if used := ownCPU() - before; used <= 0 || s.cpu() > 2*ownCPU()+time.Second {
		t.Errorf("/proc says %s, the system %s", s.cpu(), ownCPU())
	}
	if (*localServer)(nil).cpu() != 0 {
		t.Error("a server elsewhere has a processor time")
	}
}
