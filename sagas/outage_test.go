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

// settledWithin is how soon after an outage of the gateway every order is settled, those
// whose charge is in doubt among them.
const settledWithin = time.Minute

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
		waiting, inDoubt := having(t, log, payment.Deferred{}.EventType()), having(t, log, payment.OutcomeUnknown{}.EventType())
		if len(inDoubt) > orders/4 { // a bulkhead full of calls, and those that tried the half-open breaker
			t.Errorf("%d of %d charges were in doubt; the breaker lets through too much", len(inDoubt), orders)
		}
		maps.Copy(waiting, inDoubt)
		if len(waiting) != orders {
			t.Fatalf("only %d payments say that they wait", len(waiting))
		}
		recorded, at := 0, position(t, log)
		time.Sleep(20 * time.Minute)
		for range log.ReadAll(ctx, at) {
			recorded++
		}
		// Each half-open breaker lets one call try, of which at most three events tell.
		if most := 3 * int(20*time.Minute/resilience.DefaultOpenFor); recorded > most {
			t.Errorf("%d events were recorded by %d orders that only wait, more than %d", recorded, orders, most)
		}
		sim.SetOutage(simulator.Payment, simulator.Default, simulator.Work)
		time.Sleep(settledWithin)
		if n := count(t, log, order.Confirmed{}.EventType()); n != orders {
			t.Errorf("%d of %d orders were confirmed %s after the outage", n, orders, settledWithin)
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
	gateway := resilience.NewGateway(sim.Gateway(simulator.Default), resilience.Options{})
	charge := sagas.NewDriver(sagas.Driver{Feed: log, Saga: charging.New(charging.Saga{
		Gateways: charging.OneGateway("sim", gateway), Orders: bus.Orders, Payments: bus.Payments, Fulfilments: bus.Fulfilments, Steps: told.stepped, Deferred: told.put,
	})})
	drivers := []*sagas.Driver{
		charge,
		sagas.NewDriver(sagas.Driver{Feed: log, Saga: fulfilling.New(fulfilling.Saga{
			Bus: bus, Orders: bus.Orders, Payments: bus.Payments, Shipments: bus.Shipments, Fulfilments: bus.Fulfilments, Steps: told.stepped,
		})}),
		sagas.NewDriver(sagas.Driver{Feed: log, Saga: dispatching.New(dispatching.Saga{
			Carriers: dispatching.OneCarrier("sim", resilience.NewCarrier(sim.Carrier(simulator.Default), resilience.Options{})),
			Orders:   bus.Orders, Shipments: bus.Shipments, Fulfilments: bus.Fulfilments, Steps: told.stepped,
		})}),
	}
	for _, d := range drivers {
		running.Go(func() { _ = d.Run(ctx) })
	}
	running.Go(func() { _ = gateway.Watch(ctx, charge) })
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

func position(t *testing.T, log *memory.Log) eventlog.Position {
	t.Helper()
	end, err := log.End(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return end
}
