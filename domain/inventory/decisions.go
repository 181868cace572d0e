package inventory

import (
	"cmp"
	"math"
	"slices"

	"orderflow/domain"
	"orderflow/domain/decider"
)

// Decision is about the stock of one warehouse.
type Decision = decider.Decision[State, Event]

// MaxOnHand bounds the units of one article in one warehouse, far from overflow.
const MaxOnHand = math.MaxInt64 / 4

// Receive takes in a delivery. A repeat of the receipt returns no events; its id with
// other units is a Mismatch.
func Receive(receipt string, units []Units) Decision {
	return func(s State) ([]Event, error) {
		if err := domain.CheckName("The receipt's id", receipt); err != nil {
			return nil, err
		}
		merged, err := merge(units)
		if err != nil {
			return nil, err
		}
		if done, err := s.repeats(receiptKey(receipt), merged); done {
			return nil, err
		}
		for _, u := range merged {
			if s.Levels[u.SKU].OnHand > MaxOnHand-u.Quantity {
				return nil, domain.Errorf(domain.Invalid, "There would be too many units of %s.", u.SKU)
			}
		}
		return []Event{Received{Receipt: receipt, Units: merged}}, nil
	}
}

// Adjust corrects the stock of one article after a count. It never takes away
// reserved units. A repeat of the adjustment returns no events; its id with another
// article or number is a Mismatch.
func Adjust(id string, sku domain.SKU, delta int64, reason string) Decision {
	return func(s State) ([]Event, error) {
		if done, err := s.repeats(adjustmentKey(id), []Units{{SKU: sku, Quantity: delta}}); done {
			return nil, err
		}
		if err := cmp.Or(domain.CheckName("The adjustment's id", id), domain.CheckName("The SKU", string(sku)), domain.CheckText("The reason", reason)); err != nil {
			return nil, err
		}
		level := s.Levels[sku]
		switch {
		case delta == 0:
			return nil, domain.Errorf(domain.Invalid, "An adjustment by nothing changes nothing.")
		case delta > MaxOnHand-level.OnHand:
			return nil, domain.Errorf(domain.Invalid, "There would be too many units of %s.", sku)
		case delta < -level.Available():
			return nil, domain.Errorf(domain.Rejected, "Only %d units of %s are free to be taken away.", level.Available(), sku)
		}
		return []Event{Adjusted{Adjustment: id, SKU: sku, Delta: delta, Reason: reason}}, nil
	}
}

// Reserve reserves all units of an order. If there are shortages it reserves none and
// returns Refused with the shortages. An order is decided once; a released reservation
// stays released.
func Reserve(order domain.OrderID, units []Units) Decision {
	return func(s State) ([]Event, error) {
		if s.Orders.of(order) != ReservationNone {
			return nil, nil
		}
		if err := domain.CheckName("The order", string(order)); err != nil {
			return nil, err
		}
		merged, err := merge(units)
		if err != nil {
			return nil, err
		}
		var short []Shortage
		for _, u := range merged {
			if available := s.Levels[u.SKU].Available(); available < u.Quantity {
				short = append(short, Shortage{SKU: u.SKU, Wanted: u.Quantity, Available: available})
			}
		}
		if len(short) > 0 {
			return []Event{Refused{Order: order, Short: short}}, nil
		}
		return []Event{Reserved{Order: order, Units: merged}}, nil
	}
}

// Release releases the reservation of an order. An order without a reservation is
// recorded too, so that a late reservation is refused.
func Release(order domain.OrderID) Decision {
	return func(s State) ([]Event, error) {
		switch s.Orders.of(order) {
		case ReservationReleased, ReservationRefused:
			return nil, nil
		case ReservationHeld, ReservationNone:
			return []Event{Released{Order: order, Units: s.Held[order]}}, nil
		case ReservationCommitted:
		}
		return nil, domain.Errorf(domain.Rejected, "The goods of %s have left the books; they can only come back as a return.", order)
	}
}

// Commit takes the reserved units of an order out of the stock.
func Commit(order domain.OrderID) Decision {
	return func(s State) ([]Event, error) {
		switch s.Orders.of(order) {
		case ReservationCommitted:
			return nil, nil
		case ReservationHeld:
			return []Event{Committed{Order: order, Units: s.Held[order]}}, nil
		case ReservationNone, ReservationRefused, ReservationReleased:
		}
		return nil, domain.Errorf(domain.Rejected, "Nothing is reserved for %s.", order)
	}
}

// Return takes goods of an order back into stock. A repeat of the return
// returns no events; its id with other units is a Mismatch.
func Return(order domain.OrderID, id string, units []Units) Decision {
	return func(s State) ([]Event, error) {
		if s.Orders.of(order) != ReservationCommitted {
			return nil, domain.Errorf(domain.Rejected, "No goods of %s have left this warehouse.", order)
		}
		merged, err := merge(units)
		if err != nil {
			return nil, err
		}
		if done, err := s.repeats(returnKey(order, id), merged); done {
			return nil, err
		}
		return []Event{Returned{Order: order, Return: id, Units: merged}}, nil
	}
}

// repeats reports whether a movement was made before. It is a Mismatch if the earlier
// one moved other units under the same key.
func (s State) repeats(key string, units []Units) (done bool, err error) {
	before, done := s.Done[key]
	if done && before != digest(units) {
		return true, domain.Errorf(domain.Mismatch, "The same id came before with other goods or quantities; a new movement needs an id of its own.")
	}
	return done, nil
}

// merge adds up units of the same article, sorted by SKU, and refuses what is
// out of bounds. A sum of lines cannot overflow: lines and quantities are bounded.
func merge(units []Units) ([]Units, error) {
	if len(units) == 0 || len(units) > domain.MaxLines {
		return nil, domain.Errorf(domain.Invalid, "1 to %d lines are allowed, not %d.", domain.MaxLines, len(units))
	}
	sorted := slices.Clone(units)
	slices.SortStableFunc(sorted, func(a, b Units) int { return cmp.Compare(a.SKU, b.SKU) })
	merged := sorted[:0]
	for _, u := range sorted {
		if err := domain.CheckName("The SKU", string(u.SKU)); err != nil {
			return nil, err
		}
		if u.Quantity < 1 || u.Quantity > MaxOnHand/domain.MaxLines {
			return nil, domain.Errorf(domain.Invalid, "%d units of %s are out of bounds.", u.Quantity, u.SKU)
		}
		if n := len(merged); n > 0 && merged[n-1].SKU == u.SKU {
			merged[n-1].Quantity += u.Quantity
			continue
		}
		merged = append(merged, u)
	}
	return merged, nil
}
