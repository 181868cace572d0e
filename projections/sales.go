package projections

import (
	"context"

	"orderflow/domain"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/readmodels"
)

// foldSales counts an order on the day it was placed. It runs before the
// order's own row changes.
func foldSales(ctx context.Context, u *unit, e event) error {
	if f, ok := e.fact.(order.Placed); ok {
		d, err := u.salesDay(ctx, e, SalesKey{Day: readmodels.Day(f.PlacedAt), Currency: f.Total.Currency})
		if err == nil {
			d.Placed++
		}
		return err
	}
	if !counts(e.fact) {
		return nil
	}
	o := u.orders.get(e.order())
	if o == nil {
		return errUnprojectable(e.Recorded, "there is no order %s", e.order())
	}
	stands := o.Status == readmodels.OrderConfirmed
	d, err := u.salesDay(ctx, e, SalesKey{Day: readmodels.Day(o.PlacedAt), Currency: o.Total.Currency})
	if err != nil {
		return err
	}
	switch f := e.fact.(type) {
	case order.Confirmed:
		d.Orders++
		return sell(d, e, o.Units(), o.Total.Minor)
	case order.CancelRequested:
		if stands {
			d.Orders--
			return sell(d, e, -o.Units(), -o.Total.Minor)
		}
	case order.Rejected:
		d.Rejected++
	case order.Cancelled:
		d.Cancelled++
	case payment.Refunded:
		if stands { // the money of a cancelled order came off with its revenue
			sum, err := domain.Sum(d.RefundedMinor, f.Amount.Minor)
			if err != nil {
				return errUnprojectable(e.Recorded, "the refunds of the day do not fit: %v", err)
			}
			d.RefundedMinor = sum
		}
	}
	return nil
}

// sell adds to a day's units and revenue. A day that does not fit stops the
// view: it never tells a wrong figure.
func sell(d *readmodels.SalesDay, e event, units, minor int64) error {
	sold, err := domain.Sum(d.Units, units)
	if err != nil {
		return errUnprojectable(e.Recorded, "the units of the day do not fit: %v", err)
	}
	revenue, err := domain.Sum(d.RevenueMinor, minor)
	if err != nil {
		return errUnprojectable(e.Recorded, "the revenue of the day does not fit: %v", err)
	}
	d.Units, d.RevenueMinor = sold, revenue
	return nil
}

// counts says whether a fact can change sales.
func counts(fact any) bool {
	switch fact.(type) {
	case order.Confirmed, order.CancelRequested, order.Rejected, order.Cancelled, payment.Refunded:
		return true
	}
	return false
}

// salesDay returns a row for changing. Its key is known only from the order,
// too late for the batch's one load; but days are few and stay in memory.
func (u *unit) salesDay(ctx context.Context, e event, k SalesKey) (*readmodels.SalesDay, error) {
	d := u.sales.get(k)
	if d == nil {
		if err := u.load(ctx, Keys{Sales: []SalesKey{k}}); err != nil {
			return nil, err
		}
		if d = u.sales.get(k); d == nil {
			d = u.sales.put(k, readmodels.SalesDay{Day: k.Day, Currency: k.Currency})
		}
	}
	u.sales.markDirty(k)
	d.Position = int64(e.Position)
	return d, nil
}
