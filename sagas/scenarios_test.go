package sagas_test

import (
	"context"
	"time"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/domain/fulfilment"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/domain/shipment"
	"orderflow/infra/simulator"
)

// What can be seen of an order, for acts to wait for.
var (
	secured = func(s seen) bool {
		return s.o.Status == order.StatusConfirmed && s.f.Phase == fulfilment.PhaseFulfilled
	}
	securedOnce = func(s seen) bool {
		return secured(s) || s.o.Status == order.StatusCancelling || s.o.Status == order.StatusCancelled
	}
	undoing  = func(s seen) bool { return s.f.Phase == fulfilment.PhaseCompensating }
	turned   = func(s seen) bool { return undoing(s) || s.f.Phase == fulfilment.PhaseCompensated }
	inDoubts = func(s seen) bool { return s.p.Status == payment.StatusUnknown }
	heldUp   = func(s seen) bool { return s.p.Status == payment.StatusDeferred || inDoubts(s) } // a crash may leave a doubt where else nothing was taken
	stuck    = func(s seen) bool { return s.f.Stuck != nil }
)

func cancelOrder(ctx context.Context, _ *world, p *process, id domain.OrderID) error {
	_, err := p.Send(ctx, commands.CancelOrder{Order: id})
	return err
}

func returnOne(ctx context.Context, _ *world, p *process, id domain.OrderID) error {
	_, err := p.Send(ctx, commands.ReturnLines{Order: id, Return: "r1", Lines: []order.ReturnedLine{{Line: 0, Quantity: 1}}, ReturnedAt: time.Now()})
	return err
}

// from makes a provider behave from the start.
func from(p simulator.Provider, b simulator.Behaviour) func(*simulator.Simulator) {
	return func(sim *simulator.Simulator) { sim.SetOutage(p, simulator.Default, b) }
}

// set makes a provider behave from now on.
func set(p simulator.Provider, b simulator.Behaviour) func(context.Context, *world, *process, domain.OrderID) error {
	return func(_ context.Context, w *world, _ *process, _ domain.OrderID) error {
		w.sim.SetOutage(p, simulator.Default, b)
		return nil
	}
}

// next scripts the next calls of an operation.
func next(op simulator.Op, b ...simulator.Behaviour) func(context.Context, *world, *process, domain.OrderID) error {
	return func(_ context.Context, w *world, _ *process, _ domain.OrderID) error {
		w.sim.Next(op, simulator.Default, simulator.AnyKey, b...)
		return nil
	}
}

func scenarios() []scenario {
	const money, parcels, ok = simulator.Payment, simulator.Shipping, simulator.Work
	good := scenario{token: "tok_visa", units: 2, ends: order.StatusConfirmed, kept: 2 * price, gone: 2}
	undone := scenario{token: "tok_visa", units: 2, ends: order.StatusCancelled}
	named := func(name string, sc scenario, begin func(*simulator.Simulator), acts ...act) scenario {
		sc.name, sc.begin, sc.acts = name, begin, acts
		return sc
	}
	return []scenario{
		named("confirmed", good, nil),
		{name: "out of stock", token: "tok_visa", units: received + 1, ends: order.StatusRejected},
		{name: "declined", token: "tok_decline", units: 2, ends: order.StatusRejected},
		named("shipment refused", scenario{token: "tok_visa", units: 2, ends: order.StatusRejected}, from(parcels, simulator.Decline), act{turned, set(parcels, ok)}),

		named("the gateway was away", good, from(money, simulator.Unavailable), act{heldUp, set(money, ok)}),
		named("the answer to a capture was lost", good, from(money, simulator.LoseReply), act{inDoubts, set(money, ok)}),
		named("the capture was never made", good, from(money, simulator.Fail), act{inDoubts, set(money, ok)}),
		named("nobody tells of the capture for an hour", good, from(money, simulator.Fail), act{stuck, set(money, ok)}),
		named("the carrier was away", good, from(parcels, simulator.Unavailable),
			act{func(s seen) bool { return s.d.Status == shipment.StatusDeferred }, set(parcels, ok)}),

		named("cancelled when confirmed", undone, nil, act{securedOnce, cancelOrder}),
		named("cancelled while a payment waits", undone, from(money, simulator.Unavailable),
			act{heldUp, cancelOrder}, act{func(s seen) bool { return undoing(s) && s.p.VoidTries > 0 }, set(money, ok)}),
		named("cancelled while the gateway is away", undone, from(money, simulator.Fail),
			act{inDoubts, cancelOrder}, act{undoing, set(money, ok)}),
		named("cancelled while a capture is in doubt", undone, from(money, simulator.LoseReply),
			act{inDoubts, cancelOrder}, act{undoing, set(money, ok)}),
		named("cancelled, and the void fails for an hour", undone, from(money, simulator.Fail),
			act{inDoubts, cancelOrder}, act{stuck, set(money, ok)}),
		named("cancelled, and the refund fails", undone, nil,
			act{secured, set(money, simulator.Fail)}, act{securedOnce, cancelOrder},
			act{func(s seen) bool { r, _ := s.p.Refund(fulfilment.WholeOrder); return r.Tries > 0 }, set(money, ok)}),
		named("cancelled, and the refund is refused twice", undone, nil,
			act{secured, next(simulator.Refund, simulator.Decline, simulator.Decline)}, act{securedOnce, cancelOrder}),
		named("cancelled while the carrier is away", undone, nil,
			act{secured, set(parcels, simulator.Unavailable)}, act{securedOnce, cancelOrder},
			act{func(s seen) bool { return undoing(s) && s.d.Deferrals > 0 }, set(parcels, ok)}),
		named("cancelled, and the parcel is not called off", undone, nil,
			act{secured, next(simulator.Cancel, simulator.Decline)}, act{securedOnce, cancelOrder}),

		named("returned in part", scenario{token: "tok_visa", units: 3, ends: order.StatusConfirmed, kept: 2 * price, gone: 2}, nil, act{secured, returnOne}),
		named("returned, and the refund is refused", scenario{token: "tok_visa", units: 3, ends: order.StatusConfirmed, kept: 2 * price, gone: 2}, nil,
			act{secured, next(simulator.Refund, simulator.Decline)}, act{secured, returnOne}),
	}
}
