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
	"orderflow/domain/fulfilment"
	"orderflow/domain/inventory"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/domain/shipment"
	"orderflow/infra/memory"
	"orderflow/infra/simulator"
	"orderflow/sagas/charging"
	"orderflow/sagas/dispatching"
)

// deafGateway and deafCarrier do all but undo, for as long as they are deaf.
type deafGateway struct {
	charging.Gateway
	deaf *atomic.Bool
}

func (g deafGateway) Refund(ctx context.Context, b charging.RefundRequest) (charging.Receipt, error) {
	if g.deaf.Load() {
		return charging.Receipt{}, failure(domain.Unavailable, "circuit_open")
	}
	return g.Gateway.Refund(ctx, b)
}

type deafCarrier struct {
	dispatching.Carrier
	deaf *atomic.Bool
}

func (c deafCarrier) Cancel(ctx context.Context, key string) error {
	if c.deaf.Load() {
		return domain.Wrap(domain.Unknown, dispatching.Failure{Reason: "timeout"}, "no")
	}
	return c.Carrier.Cancel(ctx, key)
}

// What has to be undone and is neither done nor refused calls a person after
// a bounded number of recorded tries, does nothing while that one looks, and ends
// right when the provider hears again.
func TestUndoingThatNeverSucceedsWaitsForAPerson(t *testing.T) {
	cancel := func(id domain.OrderID) commands.Command { return commands.CancelOrder{Order: id} }
	giveBack := func(id domain.OrderID) commands.Command {
		return commands.ReturnLines{Order: id, Return: "r1", Lines: []order.ReturnedLine{{Line: 0, Quantity: 1}}}
	}
	refundTry, parcelTry := payment.RefundDeferred{}.EventType(), shipment.Deferred{}.EventType()
	for name, tc := range map[string]struct {
		ask               func(domain.OrderID) commands.Command
		deafGate, deafCar bool
		step              fulfilment.Step
		try               string
		tries             int
		end               order.Status
	}{
		"the refund of a cancelled order": {cancel, true, false, fulfilment.StepRevertPayment, refundTry, charging.MaxRefunds, order.StatusCancelled},
		"the refund of a return":          {giveBack, true, false, fulfilment.StepSettleReturn, refundTry, charging.MaxRefunds, order.StatusConfirmed},
		"the parcel of a cancelled order": {cancel, false, true, fulfilment.StepCancelShipment, parcelTry, dispatching.MaxCancels, order.StatusCancelled},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				sim, err := simulator.Open(dir, simulator.Options{})
				if err != nil {
					t.Fatal(err)
				}
				gate, car := new(atomic.Bool), new(atomic.Bool)
				w := &world{
					log: memory.New(), sim: sim,
					wrap:        func(g charging.Gateway) charging.Gateway { return deafGateway{g, gate} },
					wrapCarrier: func(c dispatching.Carrier) dispatching.Carrier { return deafCarrier{c, car} },
				}
				p := w.start(t)
				id := confirmedOrder(t, w, p)
				gate.Store(tc.deafGate)
				car.Store(tc.deafCar)
				must(t, p, tc.ask(id))
				for round := 1; round <= 2; round++ {
					stuckAt(t, w, id, round, tc.step)
					if n := count(t, w.log, tc.try); n != round*tc.tries {
						t.Errorf("%d tries are recorded before a person is called for the %d. time, want %d", n, round, round*tc.tries)
					}
					time.Sleep(6 * time.Hour)
					if n := count(t, w.log, tc.try); n != round*tc.tries {
						t.Errorf("it was tried again while a person must look")
					}
					if round == 2 {
						gate.Store(false)
						car.Store(false)
					}
					must(t, p, commands.ResumeFulfilment{Order: id, By: "operator"})
				}
				time.Sleep(time.Minute)
				if end := readSeen(t, w, id); end.o.Status != tc.end || !end.rests() {
					t.Errorf("the order ended %s, %+v", end.o.Status, end.f)
				}
				p.stop()
				if err := sim.Close(); err != nil {
					t.Fatal(err)
				}
				sum, err := simulator.ReadLedger(filepath.Join(dir, simulator.LedgerFile))
				if a := sum.Orders[id]; err != nil || a.Captured != a.Refunded || a.Captures != 1 {
					t.Errorf("the gateway says %+v, %v", a, err)
				}
			})
		})
	}
}

// confirmedOrder places an order of one unit and waits until it rests.
func confirmedOrder(t *testing.T, w *world, p *process) domain.OrderID {
	t.Helper()
	must(t, p, commands.ListProduct{SKU: "A", Name: "Article", Price: domain.GBP(price)})
	must(t, p, commands.ReceiveStock{Receipt: "r", Units: []inventory.Units{{SKU: "A", Quantity: received}}})
	place := commands.PlaceOrder{
		Customer: "c1", IdempotencyKey: "k1", PaymentToken: "tok_visa", Lines: []commands.OrderLine{{SKU: "A", Quantity: 1}},
	}
	must(t, p, place)
	for !readSeen(t, w, place.OrderID()).rests() {
		time.Sleep(time.Millisecond)
	}
	return place.OrderID()
}

// stuckAt waits for the n-th call for a person, which must be about a step.
func stuckAt(t *testing.T, w *world, id domain.OrderID, n int, step fulfilment.Step) {
	t.Helper()
	for begun := time.Now(); ; time.Sleep(20 * time.Second) {
		if s := readSeen(t, w, id); s.f.Stuck != nil && count(t, w.log, fulfilment.NeedsAttention{}.EventType()) == n {
			if s.f.Stuck.Step != string(step) {
				t.Errorf("stuck at %+v, want %s", s.f.Stuck, step)
			}
			return
		}
		if time.Since(begun) > 3*time.Hour {
			t.Fatalf("nobody was called: %+v", readSeen(t, w, id))
		}
	}
}
