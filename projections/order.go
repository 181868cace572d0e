package projections

import (
	"context"
	"slices"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/readmodels"
)

// orderFact is an event of an order's own stream.
type orderFact = order.Event

// foldOrders folds one event into every view of the group. Sales come first:
// they compare the order as it was with what happens to it.
func foldOrders(ctx context.Context, u *unit, e event) error {
	if placedAgain(e.fact, e.Version) {
		return nil
	}
	if s, ok := u.holeOf(e); ok {
		return u.setAside(ctx, e, s)
	}
	if err := foldSales(ctx, u, e); err != nil {
		return err
	}
	if err := foldOrder(u, e); err != nil {
		return err
	}
	if err := foldPayment(u, e); err != nil {
		return err
	}
	return foldFulfilment(u, e)
}

// placedAgain reports whether a fact places an order that was placed before: the
// first event of its stream did that. A later one was appended while the stream
// was deleted in the event store and taken for a new one; it tells nothing, as
// it tells the order itself nothing.
func placedAgain(fact any, v eventlog.Version) bool {
	_, placed := fact.(order.Placed)
	return placed && v > 1
}

// orderKeys names the rows an event needs, each once for a batch. The first
// event of an order or a payment begins its rows, so there is nothing to load.
func orderKeys(w *wanted, e event) {
	id := e.order()
	if _, seen := w.orders[id]; !seen {
		w.orders[id] = struct{}{}
		begins := e.Version == 1 && e.Stream.Category() == order.Category
		if !begins && w.unit.orders.get(id) == nil {
			w.keys.Orders = append(w.keys.Orders, id)
		}
		if !begins && w.unit.fulfilments.get(id) == nil {
			w.keys.Fulfilments = append(w.keys.Fulfilments, id)
		}
	}
	if e.Stream.Category() != payment.Category {
		return
	}
	if _, seen := w.payments[id]; !seen {
		w.payments[id] = struct{}{}
		if e.Version > 1 && w.unit.payments.get(id) == nil {
			w.keys.Payments = append(w.keys.Payments, id)
		}
	}
}

func foldOrder(u *unit, e event) error {
	switch f := e.fact.(type) {
	case order.Placed:
		return placeOrder(u, e, f)
	case order.Event:
		return changeOrder(u, e, f)
	case payment.Event:
		return payOrder(u, e, f)
	}
	return nil
}

func placeOrder(u *unit, e event, f order.Placed) error {
	id := e.order()
	if u.orders.get(id) != nil {
		return errUnprojectable(e.Recorded, "the order was placed before")
	}
	lines := make([]readmodels.OrderLine, len(f.Lines))
	for i, l := range f.Lines {
		lines[i] = readmodels.OrderLine{SKU: l.SKU, Name: l.Name, Quantity: l.Quantity, PriceMinor: l.PriceMinor}
	}
	u.orders.put(id, readmodels.Order{
		ID: id, Customer: f.Customer, Warehouse: f.Warehouse, Status: readmodels.OrderPlaced, Lines: lines,
		Total: f.Total, Refunded: domain.Money{Currency: f.Total.Currency},
		Origin: f.Origin, PlacedAt: readmodels.Instant(f.PlacedAt),
	})
	_, err := u.order(e)
	return err
}

func changeOrder(u *unit, e event, f order.Event) error {
	o, err := u.order(e)
	if err != nil {
		return err
	}
	switch f := f.(type) {
	case order.Confirmed:
		o.Status, o.PaymentReference, o.Tracking = readmodels.OrderConfirmed, f.PaymentReference, f.Tracking
		o.EstimatedDelivery = readmodels.Instant(f.EstimatedDelivery)
	case order.Rejected:
		o.Status, o.Reason, o.Detail = readmodels.OrderRejected, f.Reason, f.Detail
	case order.CancelRequested:
		o.Status, o.Reason, o.Detail = readmodels.OrderCancelling, f.Reason, f.Detail
	case order.Cancelled:
		o.Status, o.Reason = readmodels.OrderCancelled, f.Reason
	case order.LinesReturned:
		o.Lines = slices.Clone(o.Lines) // a mirror may still be reading the old ones
		for _, l := range f.Lines {
			if l.Line < 0 || l.Line >= len(o.Lines) {
				return errUnprojectable(e.Recorded, "the order has no line %d", l.Line)
			}
			o.Lines[l.Line].Returned += l.Quantity
		}
	}
	return nil
}

// payOrder tells the customer when money keeps an order waiting, and what
// came back. Other news of a payment leave the order's row alone.
func payOrder(u *unit, e event, f payment.Event) error {
	o := u.orders.get(e.order())
	if o == nil {
		return errUnprojectable(e.Recorded, "there is no order %s", e.order())
	}
	status, refunded := o.Status, o.Refunded
	switch f := f.(type) {
	case payment.Deferred, payment.OutcomeUnknown:
		if status == readmodels.OrderPlaced {
			status = readmodels.OrderPendingPayment
		}
	case payment.Captured, payment.Declined, payment.Voided:
		if status == readmodels.OrderPendingPayment {
			status = readmodels.OrderPlaced
		}
	case payment.Refunded:
		sum, err := refunded.Add(f.Amount)
		if err != nil {
			return errUnprojectable(e.Recorded, "the refund does not fit: %v", err)
		}
		refunded = sum
	}
	if status == o.Status && refunded == o.Refunded {
		return nil
	}
	if _, err := u.order(e); err != nil {
		return err
	}
	o.Status, o.Refunded = status, refunded
	return nil
}
