package sagas_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/inventory"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/infra/memory"
	"orderflow/infra/resilience"
	"orderflow/infra/simulator"
	"orderflow/sagas"
	"orderflow/sagas/charging"
	"orderflow/sagas/dispatching"
	"orderflow/sagas/fulfilling"
)

// While the gateway hangs, orders are taken and wait; when it is back they
// settle by themselves, soon after the breaker closes and not each when its
// own pause is over. No order is charged twice.
func TestOutageIsWaitedOut(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		const orders = 300
		sim, err := simulator.Open(dir, simulator.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer sim.Close() //nolint:errcheck // its ledger is read below
		log := memory.New()
		bus := commands.NewLocal(log, nil)
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		defer func() { stop(); running.Wait(); bus.Close() }()
		told := drive(ctx, &running, log, bus, sim)
		send := func(c commands.Command) {
			t.Helper()
			if _, err := bus.Send(ctx, c); err != nil {
				t.Fatal(err)
			}
		}
		send(commands.ListProduct{SKU: "A", Name: "Article", Price: domain.GBP(price)})
		send(commands.ReceiveStock{Receipt: "r", Units: []inventory.Units{{SKU: "A", Quantity: orders}}})

		sim.SetOutage(simulator.Payment, simulator.Default, simulator.Hang)
		for i := range orders {
			send(commands.PlaceOrder{
				Customer: "c", IdempotencyKey: fmt.Sprint(i), PaymentToken: "tok_visa",
				Lines: []commands.OrderLine{{SKU: "A", Quantity: 1}},
			})
		}
		time.Sleep(20 * time.Minute)
		if n := count(t, log, order.Confirmed{}.EventType()); n != 0 {
			t.Fatalf("%d orders were confirmed in the outage", n)
		}
		if waiting := count(t, log, payment.Deferred{}.EventType()); waiting < orders {
			t.Fatalf("only %d payments say that they wait", waiting)
		}
		sim.SetOutage(simulator.Payment, simulator.Default, simulator.Work)
		// One call tries the half-open breaker, and then all that wait for it
		// come at once; those whose charge is in doubt ask when their pause is over.
		time.Sleep(charging.LastPause/4 + resilience.DefaultOpenFor)
		soon, inDoubt := having(t, log, order.Confirmed{}.EventType()), having(t, log, payment.OutcomeUnknown{}.EventType())
		if len(inDoubt) > orders/4 { // a bulkhead full of calls, and those that tried the half-open breaker
			t.Errorf("%d of %d charges were in doubt; the breaker lets through too much", len(inDoubt), orders)
		}
		for id := range having(t, log, order.Placed{}.EventType()) {
			if !soon[id] && !inDoubt[id] {
				t.Errorf("%s only waited for the breaker and was not confirmed soon after the outage", id)
			}
		}
		time.Sleep(charging.LastPause)
		if n := count(t, log, order.Confirmed{}.EventType()); n != orders {
			t.Errorf("%d of %d orders were confirmed after the outage", n, orders)
		}
		sum, err := simulator.ReadLedger(filepath.Join(dir, simulator.LedgerFile))
		if err != nil {
			t.Fatal(err)
		}
		told.check(t, log)
		if twice := sum.DoubleCharged(); len(twice) > 0 || sum.Captured["GBP"] != orders*price {
			t.Errorf("captured %v, charged twice: %v", sum.Captured, twice)
		}
	})
}

// drive runs the three sagas behind guards as the embedded node does.
func drive(ctx context.Context, running *sync.WaitGroup, log *memory.Log, bus *commands.Local, sim *simulator.Simulator) *tally {
	told := &tally{deferred: map[string]int{}, steps: map[string]int{}}
	var charge *sagas.Driver
	gateway := resilience.NewGateway(sim.Gateway(simulator.Default), resilience.Options{Observer: resilience.Observer{
		BreakerChanged: func(_, to resilience.State) {
			if to == resilience.Closed {
				charge.RetryAll()
			}
		},
	}})
	charge = sagas.NewDriver(sagas.Driver{Feed: log, Saga: charging.New(charging.Saga{
		Gateway: gateway, GatewayName: "sim", Orders: bus.Orders, Payments: bus.Payments, Fulfilments: bus.Fulfilments, Steps: told.stepped, Deferred: told.put,
	})})
	drivers := []*sagas.Driver{
		charge,
		sagas.NewDriver(sagas.Driver{Feed: log, Saga: fulfilling.New(fulfilling.Saga{
			Bus: bus, Orders: bus.Orders, Payments: bus.Payments, Shipments: bus.Shipments, Fulfilments: bus.Fulfilments, Steps: told.stepped,
		})}),
		sagas.NewDriver(sagas.Driver{Feed: log, Saga: dispatching.New(dispatching.Saga{
			Carrier: resilience.NewCarrier(sim.Carrier(simulator.Default), resilience.Options{}), CarrierName: "sim",
			Orders: bus.Orders, Shipments: bus.Shipments, Fulfilments: bus.Fulfilments, Steps: told.stepped,
		})}),
	}
	for _, d := range drivers {
		running.Go(func() { _ = d.Run(ctx) })
	}
	return told
}

// tally is what the sagas tell of themselves.
type tally struct {
	mu              sync.Mutex
	deferred, steps map[string]int
}

func (c *tally) put(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deferred[reason]++
}

func (c *tally) stepped(step string, _ error, _ time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.steps[step]++
}

// check holds what was told against what the log says.
func (c *tally) check(t *testing.T, log eventlog.Store) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	want := map[string]int{}
	for r, err := range log.ReadAll(t.Context(), 0, payment.Category) {
		e, _, bad := payment.Codec.Decode(r)
		if err := errors.Join(err, bad); err != nil {
			t.Fatal(err)
		}
		if f, ok := e.(payment.Deferred); ok {
			want[f.Reason]++
		}
	}
	if !maps.Equal(c.deferred, want) || want[sagas.CircuitOpen] == 0 {
		t.Errorf("deferrals told: %v; the log says %v", c.deferred, want)
	}
	for _, step := range []string{"reserve", "charge", "ship", charging.Capture, charging.Lookup, dispatching.Book} {
		if c.steps[step] == 0 {
			t.Errorf("no step %s was told: %v", step, c.steps)
		}
	}
}

func count(t *testing.T, log eventlog.Store, eventType string) int {
	t.Helper()
	return len(events(t, log, eventType))
}

// having returns the orders that have an event of a type.
func having(t *testing.T, log eventlog.Store, eventType string) map[string]bool {
	t.Helper()
	orders := map[string]bool{}
	for _, r := range events(t, log, eventType) {
		orders[r.Stream.ID()] = true
	}
	return orders
}

func events(t *testing.T, log eventlog.Store, eventType string) (list []eventlog.Recorded) {
	t.Helper()
	for r, err := range log.ReadAll(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Type == eventType {
			list = append(list, r)
		}
	}
	return list
}
