package projections

import (
	"context"
	"hash/maphash"

	"orderflow/domain/catalog"
	"orderflow/domain/eventlog"
	"orderflow/domain/inventory"
	"orderflow/domain/order"
	"orderflow/domain/payment"
)

// Sums are totals of a group by name; a total of 0 may be left out. The same
// totals are computed twice, by means that share nothing: by the store over
// its rows, and here straight from the log.
//
//	orders.rejected, .cancelled, .cancelling, .confirmed, .open     orders by status; open is placed or waiting for payment
//	orders.units, orders.returned                                   units ordered and returned
//	orders.total.GBP, orders.refunded.GBP                           minor units, by currency
//	payments.captured.GBP, payments.refunded.GBP                    minor units, by currency
//	sales.placed, sales.orders, sales.rejected, sales.cancelled     orders
//	stock.received, .adjusted, .reserved, .released, .committed, .returned    units; reserved is what is set aside now
//	products.count
type Sums map[string]int64

// logSums adds up a log up to a position. Orders that stand confirmed are
// told apart by a hash of their name: 16 bytes for each instead of a row.
func logSums(ctx context.Context, log Log, g Group, to eventlog.Position) (Sums, error) {
	s, confirmed, seed := Sums{}, map[uint64]struct{}{}, maphash.MakeSeed()
	for r, err := range until(log.ReadAll(ctx, 0, g.Categories...), to) {
		if err != nil {
			return nil, err
		}
		fact, err := decode(r)
		if err != nil {
			return nil, err
		}
		switch f := fact.(type) {
		case order.Event:
			s.order(f, maphash.String(seed, string(r.Stream)), confirmed)
		case payment.Captured:
			s["payments.captured."+f.Amount.Currency] += f.Amount.Minor
		case payment.Refunded:
			s["payments.refunded."+f.Amount.Currency] += f.Amount.Minor
			s["orders.refunded."+f.Amount.Currency] += f.Amount.Minor
		case inventory.Event:
			s.stock(f)
		case catalog.Listed:
			if r.Version == 1 {
				s["products.count"]++
			}
		}
	}
	return s, nil
}

func (s Sums) order(f order.Event, id uint64, confirmed map[uint64]struct{}) {
	switch f := f.(type) {
	case order.Placed:
		s["orders.open"]++
		s["sales.placed"]++
		s["orders.total."+f.Total.Currency] += f.Total.Minor
		for _, l := range f.Lines {
			s["orders.units"] += l.Quantity
		}
	case order.Confirmed:
		confirmed[id] = struct{}{}
		s["orders.open"]--
		s["orders.confirmed"]++
		s["sales.orders"]++
	case order.Rejected:
		s["orders.open"]--
		s["orders.rejected"]++
		s["sales.rejected"]++
	case order.CancelRequested:
		if _, ok := confirmed[id]; ok {
			s["orders.confirmed"]--
			s["sales.orders"]--
		} else {
			s["orders.open"]--
		}
		s["orders.cancelling"]++
	case order.Cancelled:
		s["orders.cancelling"]--
		s["orders.cancelled"]++
		s["sales.cancelled"]++
	case order.LinesReturned:
		for _, l := range f.Lines {
			s["orders.returned"] += l.Quantity
		}
	}
}

func (s Sums) stock(f inventory.Event) {
	sum := func(units []inventory.Units) (n int64) {
		for _, u := range units {
			n += u.Quantity
		}
		return n
	}
	switch f := f.(type) {
	case inventory.Received:
		s["stock.received"] += sum(f.Units)
	case inventory.Adjusted:
		s["stock.adjusted"] += f.Delta
	case inventory.Reserved:
		s["stock.reserved"] += sum(f.Units)
	case inventory.Released:
		s["stock.reserved"] -= sum(f.Units)
		s["stock.released"] += sum(f.Units)
	case inventory.Committed:
		s["stock.reserved"] -= sum(f.Units)
		s["stock.committed"] += sum(f.Units)
	case inventory.Returned:
		s["stock.returned"] += sum(f.Units)
	case inventory.Refused:
	}
}
