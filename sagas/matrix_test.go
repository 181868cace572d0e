package sagas_test

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/domain/fulfilment"
	"orderflow/domain/inventory"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/infra/memory"
	"orderflow/infra/simulator"
)

// scenario is one way an order can go. Each act is repeated until it succeeds,
// across crashes, and waits for what it needs first.
type scenario struct {
	name  string
	token string
	units int64
	begin func(*simulator.Simulator)
	acts  []act
	ends  order.Status
	kept  int64 // minor units that the shop keeps at the end
	gone  int64 // units that left the warehouse for good
}

type act struct {
	when func(seen) bool
	do   func(ctx context.Context, w *world, p *process, id domain.OrderID) error
}

// seen is what the log says of the order.
type seen struct {
	o order.State
	f fulfilment.State
	p payment.State
	s inventory.State
}

const (
	price    = 250 // minor units
	received = 5   // units in the warehouse
)

func cancelOrder(ctx context.Context, _ *world, p *process, id domain.OrderID) error {
	_, err := p.Send(ctx, commands.CancelOrder{Order: id})
	return err
}

func recoverPayment(_ context.Context, w *world, _ *process, _ domain.OrderID) error {
	w.sim.SetOutage(simulator.Payment, simulator.Work)
	return nil
}

func scenarios() []scenario {
	secured := func(s seen) bool { return s.o.Status == order.Secured && s.f.Phase == fulfilment.Fulfilled }
	securedOnce := func(s seen) bool {
		return secured(s) || s.o.Status == order.Cancelling || s.o.Status == order.Abandoned
	}
	cancelling := func(s seen) bool { return s.f.Phase == fulfilment.Undoing }
	outage := func(b simulator.Behaviour) func(*simulator.Simulator) {
		return func(sim *simulator.Simulator) { sim.SetOutage(simulator.Payment, b) }
	}
	return []scenario{
		{name: "confirmed", token: "tok_visa", units: 2, ends: order.Secured, kept: 2 * price, gone: 2},
		{name: "out of stock", token: "tok_visa", units: received + 1, ends: order.Refused},
		{name: "declined", token: "tok_decline", units: 2, ends: order.Refused},
		{
			name: "shipment refused", token: "tok_visa", units: 2, ends: order.Refused,
			begin: func(sim *simulator.Simulator) { sim.SetOutage(simulator.Shipping, simulator.Decline) },
			acts: []act{{
				when: func(s seen) bool { return s.f.Phase == fulfilment.Undoing || s.f.Phase == fulfilment.Undone },
				do: func(_ context.Context, w *world, _ *process, _ domain.OrderID) error {
					w.sim.SetOutage(simulator.Shipping, simulator.Work)
					return nil
				},
			}},
		},
		{name: "cancelled when confirmed", token: "tok_visa", units: 2, ends: order.Abandoned, acts: []act{{securedOnce, cancelOrder}}},
		{
			name: "cancelled while the gateway is away", token: "tok_visa", units: 2, ends: order.Abandoned, begin: outage(simulator.Fail),
			acts: []act{
				{func(s seen) bool { return s.p.Status == payment.InDoubt }, cancelOrder},
				{cancelling, recoverPayment},
			},
		},
		{
			name: "cancelled while a capture is in doubt", token: "tok_visa", units: 2, ends: order.Abandoned, begin: outage(simulator.LoseReply),
			acts: []act{
				{func(s seen) bool { return s.p.Status == payment.InDoubt }, cancelOrder},
				{cancelling, recoverPayment},
			},
		},
		{
			name: "returned in part", token: "tok_visa", units: 3, ends: order.Secured, kept: 2 * price, gone: 2,
			acts: []act{{secured, func(ctx context.Context, _ *world, p *process, id domain.OrderID) error {
				_, err := p.Send(ctx, commands.ReturnLines{Order: id, Return: "r1", Lines: []order.ReturnedLine{{Line: 0, Quantity: 1}}, ReturnedAt: time.Now()})
				return err
			}}},
		},
	}
}

// faults lists what can go wrong at a point.
func faults(p point) []string {
	switch {
	case !p.call:
		return []string{crashBefore, crashAfter}
	case p.name == "refund" || p.name == "cancel":
		return []string{crashBefore, crashAfter, replyLost, replyLate, twice, notMade, refused}
	}
	return []string{crashBefore, crashAfter, replyLost, replyLate, twice, notMade}
}

// TestCrashMatrix runs every scenario once to learn the points it passes, and
// then once for every fault at every one of them.
func TestCrashMatrix(t *testing.T) {
	runs := 0
	for _, sc := range scenarios() {
		t.Run(sc.name, func(t *testing.T) {
			points := sc.run(t, point{}, "")
			if len(points) < 5 {
				t.Fatalf("only %d points were passed: %v", len(points), points)
			}
			for _, p := range points {
				for _, how := range faults(p) {
					t.Run(p.name+"/"+how, func(t *testing.T) { sc.run(t, p, how) })
					runs++
				}
			}
		})
	}
	t.Logf("%d faults struck", runs)
	if runs < 300 {
		t.Errorf("only %d faults; the matrix has shrunk", runs)
	}
}

// run lets the scenario happen with one fault, and judges the end.
func (sc scenario) run(t *testing.T, strike point, how string) (reached []point) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		sim, err := simulator.Open(dir, simulator.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer sim.Close() //nolint:errcheck // closed below unless the test failed before
		w := &world{log: memory.New(), sim: sim, strike: strike, how: how}
		if sc.begin != nil {
			sc.begin(sim)
		}
		id, end := sc.drive(t, w)
		w.late.Wait()
		if err := sim.Close(); err != nil {
			t.Fatal(err)
		}
		if how != "" && w.hits != 1 {
			t.Fatalf("the fault struck %d times", w.hits)
		}
		sc.judge(t, filepath.Join(dir, simulator.LedgerFile), id, end)
		reached = w.reached
	})
	return reached
}

// patience is how long, in the bubble's time, an order may take.
const patience = time.Hour

// drive plays client and operator until the order rests, starting a new
// process whenever one has crashed.
func (sc scenario) drive(t *testing.T, w *world) (domain.OrderID, seen) {
	t.Helper()
	place := commands.PlaceOrder{
		Customer: "c1", IdempotencyKey: "k1", PaymentToken: sc.token,
		Lines: []commands.OrderLine{{SKU: "A", Quantity: sc.units}},
	}
	id := place.OrderID()
	setup := []commands.Command{
		commands.ListProduct{SKU: "A", Name: "Article", Price: domain.GBP(price)},
		commands.ReceiveStock{Receipt: "r", Units: []inventory.Units{{SKU: "A", Quantity: received}}},
		place,
	}
	acts := sc.acts
	p := w.start(t)
	defer func() { p.stop() }()
	for start := time.Now(); time.Since(start) < patience; {
		select {
		case <-p.dead:
			p.stop()
			p = w.start(t)
		default:
		}
		now := look(t, w, id)
		switch {
		case len(setup) > 0:
			if _, err := p.Send(t.Context(), setup[0]); err == nil {
				setup = setup[1:]
			}
		case len(acts) > 0 && acts[0].when(now):
			if acts[0].do(t.Context(), w, p, id) == nil {
				acts = acts[1:]
			}
		case now.f.Stuck != nil:
			_, _ = p.Send(t.Context(), commands.ResumeFulfilment{Order: id, By: "operator"}) // again if it crashed
		case len(acts) == 0 && now.rests():
			return id, now
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("the order stands still: %+v", look(t, w, id))
	return "", seen{}
}

func (s seen) rests() bool {
	if !s.o.Status.Ended() || s.f.Next() != fulfilment.Rest {
		return false
	}
	for _, r := range s.o.Returns {
		if !s.f.HasReturn(r.Return) {
			return false
		}
	}
	return s.f.Phase == fulfilment.Fulfilled || s.f.Phase == fulfilment.Undone
}

// look reads the log without going through any process.
func look(t *testing.T, w *world, id domain.OrderID) seen {
	t.Helper()
	l := commands.NewLocal(w.log, nil)
	var s seen
	var err [4]error
	s.o, _, err[0] = l.Orders.Load(t.Context(), order.Stream(id))
	s.f, _, err[1] = l.Fulfilments.Load(t.Context(), fulfilment.Stream(id))
	s.p, _, err[2] = l.Payments.Load(t.Context(), payment.Stream(id))
	s.s, _, err[3] = l.Stock.Load(t.Context(), inventory.Stream(domain.DefaultWarehouse))
	for _, e := range err {
		if e != nil {
			t.Fatal(e)
		}
	}
	return s
}

// judge holds the end against what the outside world saw.
func (sc scenario) judge(t *testing.T, ledger string, id domain.OrderID, end seen) {
	t.Helper()
	if end.o.Status != sc.ends {
		t.Errorf("the order ended %s, not %s", end.o.Status, sc.ends)
	}
	if l := end.s.Levels["A"]; l.Reserved != 0 || l.OnHand != received-sc.gone {
		t.Errorf("stock: %d on hand, %d reserved; want %d and 0", l.OnHand, l.Reserved, received-sc.gone)
	}
	sum, err := simulator.ReadLedger(ledger)
	if err != nil {
		t.Fatal(err)
	}
	a := sum.Orders[id]
	if a.Captures > 1 {
		t.Errorf("charged %d times", a.Captures)
	}
	if kept := a.Captured - a.Refunded; kept != sc.kept {
		t.Errorf("the shop keeps %d, want %d", kept, sc.kept)
	}
	if parcels, want := a.Bookings-a.Undos, 0; sc.ends == order.Secured {
		if parcels != 1 {
			t.Errorf("%d parcels will be fetched, want 1", parcels)
		}
	} else if parcels != want {
		t.Errorf("%d parcels will be fetched, want none", parcels)
	}
}
