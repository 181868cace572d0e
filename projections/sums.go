package projections

import (
	"cmp"
	"context"
	"hash/maphash"

	"orderflow/domain"
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

// orderFacts is the part of an order's history that sums depend on.
type orderFacts uint8

const (
	placed    orderFacts = 1 << iota // its first event is there
	confirmed                        // it stands confirmed
	paying                           // the first event of its payment is there
)

// logSums adds up a log up to a position. Orders are told apart by a hash of
// their id: some 16 bytes for each instead of a row. Events whose stream lacks
// its beginning, or that are about an order that does, count for nothing. A
// total that does not fit is Exhausted.
func logSums(ctx context.Context, log Log, g Group, to eventlog.Position) (Sums, error) {
	s, orders, seed := Sums{}, map[uint64]orderFacts{}, maphash.MakeSeed()
	for r, err := range until(log.ReadAll(ctx, 0, g.Categories...), to) {
		if err != nil {
			return nil, err
		}
		fact, err := decode(r)
		if err != nil {
			return nil, err
		}
		if placedAgain(fact, r.Version) {
			continue
		}
		id := maphash.String(seed, r.Stream.ID())
		switch f := fact.(type) {
		case order.Event:
			if r.Version == 1 {
				orders[id] |= placed
			}
			if orders[id]&placed != 0 {
				err = s.order(f, id, orders)
			}
		case payment.Event:
			if r.Version == 1 && orders[id]&placed != 0 {
				orders[id] |= paying
			}
			if orders[id]&paying != 0 {
				err = s.payment(f)
			}
		case inventory.Event:
			err = s.stock(f)
		case catalog.Listed:
			if r.Version == 1 {
				s["products.count"]++
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

// add adds n to the total of that name.
func (s Sums) add(name string, n int64) error { return domain.Accumulate(s, name, n) }

func (s Sums) order(f order.Event, id uint64, orders map[uint64]orderFacts) error {
	switch f := f.(type) {
	case order.Placed:
		s["orders.open"]++
		s["sales.placed"]++
		for _, l := range f.Lines {
			if err := s.add("orders.units", l.Quantity); err != nil {
				return err
			}
		}
		return s.add("orders.total."+f.Total.Currency, f.Total.Minor)
	case order.Confirmed:
		orders[id] |= confirmed
		s["orders.open"]--
		s["orders.confirmed"]++
		s["sales.orders"]++
	case order.Rejected:
		s["orders.open"]--
		s["orders.rejected"]++
		s["sales.rejected"]++
	case order.CancelRequested:
		if orders[id]&confirmed != 0 {
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
			if err := s.add("orders.returned", l.Quantity); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s Sums) payment(f payment.Event) error {
	switch f := f.(type) {
	case payment.Captured:
		return s.add("payments.captured."+f.Amount.Currency, f.Amount.Minor)
	case payment.Refunded:
		return cmp.Or(
			s.add("payments.refunded."+f.Amount.Currency, f.Amount.Minor),
			s.add("orders.refunded."+f.Amount.Currency, f.Amount.Minor),
		)
	}
	return nil
}

func (s Sums) stock(f inventory.Event) error {
	add := func(name string, units []inventory.Units) error {
		for _, u := range units {
			if err := s.add(name, u.Quantity); err != nil {
				return err
			}
		}
		return nil
	}
	free := func(units []inventory.Units) error {
		for _, u := range units {
			if err := s.add("stock.reserved", -u.Quantity); err != nil {
				return err
			}
		}
		return nil
	}
	switch f := f.(type) {
	case inventory.Received:
		return add("stock.received", f.Units)
	case inventory.Adjusted:
		return s.add("stock.adjusted", f.Delta)
	case inventory.Reserved:
		return add("stock.reserved", f.Units)
	case inventory.Released:
		return cmp.Or(free(f.Units), add("stock.released", f.Units))
	case inventory.Committed:
		return cmp.Or(free(f.Units), add("stock.committed", f.Units))
	case inventory.Returned:
		return add("stock.returned", f.Units)
	case inventory.Refused:
	}
	return nil
}
