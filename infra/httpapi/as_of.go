package httpapi

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/readmodels"
)

// asOf selects a past state of an order: by the version of its own events, or by
// time. The time is when the log recorded an event, not the times inside events:
// an imported order does not exist before its import.
type asOf struct {
	version eventlog.Version
	at      time.Time
}

func parseAsOf(q url.Values) (asOf, error) {
	if q.Has("version") && q.Has("at") {
		return asOf{}, domain.Errorf(domain.Invalid, "Ask for a version or for a time, not for both.")
	}
	if q.Has("at") {
		at, err := time.Parse(time.RFC3339, q.Get("at"))
		if err != nil {
			return asOf{}, domain.Errorf(domain.Invalid, "%q is not a time such as 2026-01-31T12:00:00Z.", clip(q.Get("at")))
		}
		return asOf{at: at}, nil
	}
	n, err := strconv.ParseInt(q.Get("version"), 10, 64)
	if err != nil || n < 1 {
		return asOf{}, domain.Errorf(domain.Invalid, "%q is not a version; they count from 1.", clip(q.Get("version")))
	}
	return asOf{version: eventlog.Version(n)}, nil
}

// orderAsOf folds an order from its events and its payment's events up to t. It
// needs the payment because an order shows that its payment is pending.
func (s *server) orderAsOf(ctx context.Context, id domain.OrderID, t asOf) (readmodels.Order, error) {
	o, state := readmodels.Order{ID: id}, order.Decider.Initial
	for r, err := range merged(ctx, s.config.Log, 0, s.gone(ctx, id), order.Stream(id), payment.Stream(id)) {
		if err != nil {
			return o, err
		}
		if t.version == 0 && r.At.After(t.at) {
			if o.Version == 0 {
				return o, domain.Errorf(domain.NotFound, "The order did not exist then: it was recorded at %s.", r.At.UTC().Format(time.RFC3339Nano))
			}
			break
		}
		own, ok, err := order.Codec.Decode(r)
		switch {
		case err != nil:
			return o, err
		case ok:
			state = order.Decider.Evolve(state, own)
			o.Version = int64(r.Version)
			showOrder(&o, own)
		default:
			money, _, err := payment.Codec.Decode(r)
			if err != nil {
				return o, err
			}
			if shown, err := showPayment(&o, money); err != nil || !shown {
				if err != nil {
					return o, err
				}
				continue
			}
		}
		o.Position, o.UpdatedAt = int64(r.Position), readmodels.Instant(r.At)
		if t.version > 0 && r.Version == t.version && ok {
			break
		}
	}
	switch {
	case o.Version == 0:
		return o, s.absent(ctx, id)
	case int64(t.version) > o.Version:
		return o, domain.Errorf(domain.NotFound, "The order has %d versions, not %d.", o.Version, t.version)
	}
	for i := range o.Lines {
		o.Lines[i].Returned = o.Lines[i].Quantity - state.Returnable(i)
	}
	return o, nil
}

func showOrder(o *readmodels.Order, e order.Event) {
	switch e := e.(type) {
	case order.Placed:
		o.Customer, o.Warehouse, o.Status, o.Origin = e.Customer, e.Warehouse, readmodels.OrderPlaced, e.Origin
		o.Total, o.Refunded = e.Total, domain.Money{Currency: e.Total.Currency}
		o.PlacedAt = readmodels.Instant(e.PlacedAt)
		for _, l := range e.Lines {
			o.Lines = append(o.Lines, readmodels.OrderLine{SKU: l.SKU, Name: l.Name, Quantity: l.Quantity, PriceMinor: l.PriceMinor})
		}
	case order.Confirmed:
		o.Status, o.PaymentReference, o.Tracking = readmodels.OrderConfirmed, e.PaymentReference, e.Tracking
		o.EstimatedDelivery = readmodels.Instant(e.EstimatedDelivery)
	case order.Rejected:
		o.Status, o.Reason, o.Detail = readmodels.OrderRejected, e.Reason, e.Detail
	case order.CancelRequested:
		o.Status, o.Reason, o.Detail = readmodels.OrderCancelling, e.Reason, e.Detail
	case order.Cancelled:
		o.Status, o.Reason = readmodels.OrderCancelled, e.Reason
	case order.LinesReturned:
	}
}

// showPayment applies an event of the payment; shown reports whether the order changed.
func showPayment(o *readmodels.Order, e payment.Event) (shown bool, err error) {
	before := o.Status
	switch e := e.(type) {
	case payment.Deferred, payment.OutcomeUnknown:
		if o.Status == readmodels.OrderPlaced {
			o.Status = readmodels.OrderPendingPayment
		}
	case payment.Captured, payment.Declined, payment.Voided:
		if o.Status == readmodels.OrderPendingPayment {
			o.Status = readmodels.OrderPlaced
		}
	case payment.Refunded:
		o.Refunded, err = o.Refunded.Add(e.Amount)
		return true, err
	case payment.AttemptStarted, payment.VoidDeferred, payment.RefundStarted, payment.RefundDeferred, payment.RefundFailed:
	}
	return o.Status != before, nil
}
