package sagas_test

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/fulfilment"
	"orderflow/domain/inventory"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/infra/memory"
	"orderflow/infra/simulator"
	"orderflow/sagas/charging"
)

// stubborn is a gateway that answers voids and lookups with an error of its
// own for as long as it is broken.
type stubborn struct {
	charging.Gateway
	broken       *atomic.Bool
	asked        *atomic.Int64
	void, lookup error // nil asks the gateway
}

func (s stubborn) Void(ctx context.Context, key string) error {
	s.asked.Add(1)
	if s.broken.Load() && s.void != nil {
		return s.void
	}
	return s.Gateway.Void(ctx, key)
}

func (s stubborn) Lookup(ctx context.Context, key string) (charging.Receipt, error) {
	if s.broken.Load() && s.lookup != nil {
		return charging.Receipt{}, s.lookup
	}
	return s.Gateway.Lookup(ctx, key)
}

func failure(kind domain.Kind, reason string) error {
	return domain.Wrap(kind, charging.Failure{Reason: reason}, "no")
}

// A cancelled order whose charge can neither be voided nor found records every
// try, waits longer and longer, and after charging.MaxVoids of them waits for a
// person. When that one resumes, all begins again, and when the gateway is
// better the order is cancelled and no money is kept.
func TestVoidsThatNeverSucceedWaitForAPerson(t *testing.T) {
	for name, tc := range map[string]struct {
		capture      simulator.Behaviour // how the charge came to be in doubt
		void, lookup error
		reason       string
	}{
		"every void fails":           {simulator.Fail, failure(domain.Unknown, "server_error"), nil, "server_error"},
		"no void gets through":       {simulator.Fail, failure(domain.Unavailable, "circuit_open"), nil, "circuit_open"},
		"every void is refused":      {simulator.Fail, failure(domain.Rejected, "void_refused"), nil, "void_refused"},
		"captured, and none tells":   {simulator.LoseReply, nil, failure(domain.Unknown, "timeout"), "timeout"},
		"captured, and forgotten":    {simulator.LoseReply, nil, failure(domain.NotFound, "unknown_key"), "already_captured"},
		"captured, and no void fits": {simulator.LoseReply, failure(domain.Unknown, "server_error"), nil, "server_error"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				sim, err := simulator.Open(dir, simulator.Options{})
				if err != nil {
					t.Fatal(err)
				}
				broken, asked := new(atomic.Bool), new(atomic.Int64)
				w := &world{log: memory.New(), sim: sim, wrap: func(g charging.Gateway) charging.Gateway {
					return stubborn{Gateway: g, broken: broken, asked: asked, void: tc.void, lookup: tc.lookup}
				}}
				p := w.start(t)
				id := inDoubt(t, w, p, tc.capture)
				broken.Store(true)
				must(t, p, commands.CancelOrder{Order: id})

				untilStuck(t, w, id, 1)
				checkPauses(t, w, id, charging.MaxVoids, tc.reason)
				before := asked.Load()
				time.Sleep(6 * time.Hour)
				if n := asked.Load() - before; n > 0 {
					t.Errorf("the gateway was asked %d times while a person must look", n)
				}

				must(t, p, commands.ResumeFulfilment{Order: id, By: "operator"})
				untilStuck(t, w, id, 2) // still broken
				checkPauses(t, w, id, 2*charging.MaxVoids, tc.reason)

				broken.Store(false)
				must(t, p, commands.ResumeFulfilment{Order: id, By: "operator"})
				time.Sleep(time.Minute)
				if end := readSeen(t, w, id); end.o.Status != order.StatusCancelled || !end.rests() {
					t.Errorf("the order ended %s, %+v", end.o.Status, end.f)
				}
				p.stop()
				if err := sim.Close(); err != nil {
					t.Fatal(err)
				}
				sum, err := simulator.ReadLedger(filepath.Join(dir, simulator.LedgerFile))
				if a := sum.Orders[id]; err != nil || a.Captured != a.Refunded || a.Captures > 1 {
					t.Errorf("the gateway says %+v, %v", a, err)
				}
			})
		})
	}
}

// inDoubt places an order and waits until the outcome of its charge is unknown.
func inDoubt(t *testing.T, w *world, p *process, capture simulator.Behaviour) domain.OrderID {
	t.Helper()
	w.sim.SetOutage(simulator.Payment, simulator.Default, capture)
	must(t, p, commands.ListProduct{SKU: "A", Name: "Article", Price: domain.GBP(price)})
	must(t, p, commands.ReceiveStock{Receipt: "r", Units: []inventory.Units{{SKU: "A", Quantity: received}}})
	place := commands.PlaceOrder{
		Customer: "c1", IdempotencyKey: "k1", PaymentToken: "tok_visa", Lines: []commands.OrderLine{{SKU: "A", Quantity: 1}},
	}
	must(t, p, place)
	for readSeen(t, w, place.OrderID()).p.Status != payment.StatusUnknown {
		time.Sleep(time.Millisecond)
	}
	w.sim.SetOutage(simulator.Payment, simulator.Default, simulator.Work)
	return place.OrderID()
}

func must(t *testing.T, p *process, c commands.Command) {
	t.Helper()
	if _, err := p.Send(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

// untilStuck waits for the n-th call for a person.
func untilStuck(t *testing.T, w *world, id domain.OrderID, n int) {
	t.Helper()
	for begun := time.Now(); ; time.Sleep(20 * time.Second) {
		if s := readSeen(t, w, id); s.f.Stuck != nil && count(t, w.log, fulfilment.NeedsAttention{}.EventType()) == n {
			if s.f.Stuck.Step != string(fulfilment.StepRevertPayment) {
				t.Errorf("stuck at %+v", s.f.Stuck)
			}
			return
		}
		if time.Since(begun) > 3*time.Hour {
			t.Fatalf("nobody was called: %+v", readSeen(t, w, id))
		}
	}
}

// checkPauses holds the tries that the log tells against the limits.
func checkPauses(t *testing.T, w *world, id domain.OrderID, tries int, reason string) {
	t.Helper()
	n, last := 0, time.Duration(0)
	for r, err := range w.log.Read(t.Context(), payment.Stream(id), 0) {
		if err != nil {
			t.Fatal(err)
		}
		pause, ok := voidPause(t, r, reason)
		if !ok {
			continue
		}
		if n++; pause < last || pause > charging.LastPause*5/4 {
			t.Errorf("try %d waits %v after %v", n, pause, last)
		}
		last = pause
	}
	if n != tries {
		t.Errorf("%d tries are recorded, want %d", n, tries)
	}
	if tries == charging.MaxVoids && last < charging.LastPause {
		t.Errorf("the last pause is %v only", last)
	}
}

func voidPause(t *testing.T, r eventlog.Recorded, reason string) (time.Duration, bool) {
	t.Helper()
	e, _, err := payment.Codec.Decode(r)
	if err != nil {
		t.Fatal(err)
	}
	f, ok := e.(payment.VoidDeferred)
	if ok && f.Reason != reason {
		t.Errorf("the reason is %q, want %q", f.Reason, reason)
	}
	return f.RetryAt.Sub(r.At), ok
}
