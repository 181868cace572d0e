package simulator

import (
	"os"
	"slices"

	"orderflow/domain"
)

// Summary is what a ledger adds up to by itself: its reader needs to
// know nothing of the system that made the calls, nor of the provider's rules.
type Summary struct {
	Rows          int64
	Captured      map[string]int64 // minor units by currency
	Refunded      map[string]int64 // minor units by currency
	Captures      map[string]int   // effective captures by key
	Bookings      int64            // effective
	Cancellations int64            // effective cancellations of a booked parcel; tombstones are not counted
	Orders        map[domain.OrderID]Account
}

// Account sums up the calls for one order.
type Account struct {
	Captures        int   // effective, under whatever key
	Captured        int64 // minor units
	Refunded        int64 // minor units
	Bookings, Undos int   // effective bookings, and cancellations of them
}

// ReadLedger adds up the ledger at path. A last line that a crash cut short
// is left out; any other damage is Internal, a file that cannot be opened
// NotFound, and a sum that does not fit Exhausted.
func ReadLedger(path string) (Summary, error) {
	sum := Summary{
		Captured: map[string]int64{}, Refunded: map[string]int64{},
		Captures: map[string]int{}, Orders: map[domain.OrderID]Account{},
	}
	file, err := os.Open(path) //nolint:gosec // the path is the operator's
	if err != nil {
		return sum, domain.Wrap(domain.NotFound, err, "There is no ledger at %s", path)
	}
	defer file.Close() //nolint:errcheck // nothing was written
	booked := map[string]domain.OrderID{}
	_, err = scan(file, func(row Row) error {
		sum.Rows++
		if row.Effective {
			return sum.add(row, booked)
		}
		return nil
	})
	if err != nil && domain.KindOf(err) == domain.Exhausted {
		return sum, domain.Wrap(domain.Exhausted, err, "The ledger %s cannot be added up", path)
	}
	if err != nil {
		return sum, domain.Wrap(domain.Internal, err, "The ledger %s is damaged", path)
	}
	return sum, nil
}

func (s *Summary) add(row Row, booked map[string]domain.OrderID) (err error) {
	order := row.Order
	a := s.Orders[order]
	switch row.Op {
	case Capture:
		s.Captures[row.Key]++
		a.Captures++
		if a.Captured, err = domain.Sum(a.Captured, row.Amount.Minor); err == nil {
			err = domain.Accumulate(s.Captured, row.Amount.Currency, row.Amount.Minor)
		}
	case Refund:
		if a.Refunded, err = domain.Sum(a.Refunded, row.Amount.Minor); err == nil {
			err = domain.Accumulate(s.Refunded, row.Amount.Currency, row.Amount.Minor)
		}
	case Book:
		s.Bookings++
		a.Bookings++
		booked[row.Key] = order
	case Cancel:
		var ok bool
		if order, ok = booked[row.Key]; !ok {
			return nil
		}
		a = s.Orders[order]
		s.Cancellations++
		a.Undos++
	case Lookup, Void:
		return nil
	}
	s.Orders[order] = a
	return err
}

// DoubleCharged lists, sorted, the orders that were charged more than once,
// whether under one key or several.
func (s Summary) DoubleCharged() []domain.OrderID {
	var twice []domain.OrderID
	for id, a := range s.Orders {
		if a.Captures > 1 {
			twice = append(twice, id)
		}
	}
	slices.Sort(twice)
	return twice
}
