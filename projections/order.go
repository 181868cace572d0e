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

// admitsOrders decides which events of the group are folded. Those of streams whose
// beginning is missing are set aside; see setAside.
func admitsOrders(u *unit) func(context.Context, event) (bool, error) {
	orders, payments := rowsOf(u, readmodels.OrderView), rowsOf(u, readmodels.PaymentView)
	return func(ctx context.Context, e event) (bool, error) {
		id := string(e.order())
		switch {
		case placedAgain(e.fact, e.Version):
			return false, nil
		case orders.get(id) == nil && !begins(e, order.Category):
			return false, u.setAside(ctx, e, order.Stream(e.order()))
		case e.Stream.Category() == payment.Category && payments.get(id) == nil && !begins(e, payment.Category):
			return false, u.setAside(ctx, e, e.Stream)
		}
		return true, nil
	}
}

// placedAgain reports whether a fact places an order that was placed before: the
// first event of its stream did that. A later one was appended while the stream
// was deleted in the event store and taken for a new one; it tells nothing, as
// it tells the order itself nothing.
func placedAgain(fact any, v eventlog.Version) bool {
	_, placed := fact.(order.Placed)
	return placed && v > 1
}

// orderFold keeps the rows of orders.
type orderFold struct {
	unit   *unit
	orders *table[readmodels.Order]
}

func foldOrders(u *unit) viewFold {
	f := orderFold{unit: u, orders: rowsOf(u, readmodels.OrderView)}
	f.orders.weigh = func(o *readmodels.Order) int { return 1 + len(o.Lines) }
	return f
}

func (f orderFold) keys(w *wanted, e event) {
	f.orders.want(w, string(e.order()), begins(e, order.Category))
}

func (f orderFold) fold(_ context.Context, e event) error {
	id := string(e.order())
	o := f.orders.get(id)
	_, placed := e.fact.(order.Placed)
	switch {
	case placed && o != nil:
		return errUnprojectable(e.Recorded, "the order was placed before")
	case placed:
		o = f.orders.put(id, readmodels.Order{})
	case o == nil:
		return errUnprojectable(e.Recorded, "there is no order %s", id)
	}
	changed, err := foldOrder(o, e)
	if changed && f.orders.markDirty(id) {
		f.unit.changed = append(f.unit.changed, e.order())
	}
	return err
}

// FoldOrder folds one event of an order or of its payment into the order's row, which
// is zero before the first event, and reports whether the row changed. It is the same
// fold that keeps the view. Events of other streams change nothing.
func FoldOrder(o *readmodels.Order, r eventlog.Recorded) (changed bool, err error) {
	fact, err := decode(r)
	if err != nil || placedAgain(fact, r.Version) {
		return false, err
	}
	return foldOrder(o, event{Recorded: r, fact: fact})
}

func foldOrder(o *readmodels.Order, e event) (changed bool, err error) {
	switch f := e.fact.(type) {
	case order.Event:
		if err := changeOrder(o, e, f); err != nil {
			return false, err
		}
		o.Version = int64(e.Version)
	case payment.Event:
		if changed, err := payOrder(o, e, f); err != nil || !changed {
			return false, err
		}
	default:
		return false, nil
	}
	o.UpdatedAt, o.Position = readmodels.Instant(e.At), int64(e.Position)
	return true, nil
}

func placedOrder(id domain.OrderID, f order.Placed) readmodels.Order {
	lines := make([]readmodels.OrderLine, len(f.Lines))
	for i, l := range f.Lines {
		lines[i] = readmodels.OrderLine{SKU: l.SKU, Name: l.Name, Quantity: l.Quantity, PriceMinor: l.PriceMinor}
	}
	return readmodels.Order{
		ID: id, Customer: f.Customer, Warehouse: f.Warehouse, Status: readmodels.OrderPlaced, Lines: lines,
		Total: f.Total, Refunded: domain.Money{Currency: f.Total.Currency},
		Origin: f.Origin, PlacedAt: readmodels.Instant(f.PlacedAt),
	}
}

func changeOrder(o *readmodels.Order, e event, f order.Event) error {
	switch f := f.(type) {
	case order.Placed:
		*o = placedOrder(e.order(), f)
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
func payOrder(o *readmodels.Order, e event, f payment.Event) (changed bool, err error) {
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
		if refunded, err = refunded.Add(f.Amount); err != nil {
			return false, errUnprojectable(e.Recorded, "the refund does not fit: %v", err)
		}
	case payment.AttemptStarted, payment.VoidDeferred, payment.RefundStarted, payment.RefundDeferred, payment.RefundFailed, payment.Claimed:
	}
	changed = status != o.Status || refunded != o.Refunded
	o.Status, o.Refunded = status, refunded
	return changed, nil
}
