package projections

import (
	"context"
	"time"

	"orderflow/domain"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/readmodels"
)

// salesFold counts orders on the day they were placed. It folds an event before the
// order's own row changes.
type salesFold struct {
	unit   *unit
	days   *table[readmodels.SalesDay]
	orders *table[readmodels.Order]
}

func foldSales(u *unit) viewFold {
	return salesFold{u, rowsOf(u, readmodels.SalesView), rowsOf(u, readmodels.OrderView)}
}

// keys implements viewFold. The key of a day is known only from the order, too late for
// the batch's one load; but days are few and stay in memory.
func (salesFold) keys(*wanted, event) {}

func (s salesFold) fold(ctx context.Context, e event) error {
	if f, ok := e.fact.(order.Placed); ok {
		d, err := s.day(ctx, e, readmodels.Day(f.PlacedAt), f.Total.Currency)
		if err == nil {
			d.Placed++
		}
		return err
	}
	if !counts(e.fact) {
		return nil
	}
	o := s.orders.get(string(e.order()))
	if o == nil {
		return errUnprojectable(e.Recorded, "there is no order %s", e.order())
	}
	stands := o.Status == readmodels.OrderConfirmed
	d, err := s.day(ctx, e, readmodels.Day(o.PlacedAt), o.Total.Currency)
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

// day returns the row of a day, for a change by e.
func (s salesFold) day(ctx context.Context, e event, day time.Time, currency string) (*readmodels.SalesDay, error) {
	row := readmodels.SalesDay{Day: day, Currency: currency}
	key := readmodels.SalesView.KeyOf(&row)
	d := s.days.get(key)
	if d == nil {
		if err := s.unit.load(ctx, readmodels.Keys{readmodels.SalesView: {key}}); err != nil {
			return nil, err
		}
		if d = s.days.get(key); d == nil {
			d = s.days.put(key, row)
		}
	}
	s.days.markDirty(key)
	d.Position = int64(e.Position)
	return d, nil
}
