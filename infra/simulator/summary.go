package simulator

import (
	"maps"
	"os"
	"slices"

	"orderflow/domain"
)

// MaxAbridged is how many orders, and how many keys, an abridged summary has: more
// than a person looks at, and a megabyte at most.
const MaxAbridged = 1_000

// Summary is what a ledger adds up to by itself: its reader needs to
// know nothing of the system that made the calls, nor of the provider's rules.
type Summary struct {
	Sums
	Captures  map[string]int             `json:"captures"` // effective captures by key, whatever the gateway
	Orders    map[domain.OrderID]Account `json:"orders"`
	Providers map[string]Sums            `json:"providers"` // by name; each of [Names] is there
}

// Sums are the totals of some rows.
type Sums struct {
	Rows          int64            `json:"rows"`
	Captured      map[string]int64 `json:"captured"`      // minor units by currency
	Refunded      map[string]int64 `json:"refunded"`      // minor units by currency
	Bookings      int64            `json:"bookings"`      // effective
	Cancellations int64            `json:"cancellations"` // effective cancellations of a booked parcel; tombstones are not counted
}

// Account sums up the calls for one order.
type Account struct {
	Captures int   `json:"captures"` // effective, under whatever key and at whatever gateway
	Captured int64 `json:"captured"` // minor units
	Refunded int64 `json:"refunded"` // minor units
	Bookings int   `json:"bookings"` // effective
	Undos    int   `json:"undos"`    // effective cancellations of a booking
}

func newSums() Sums { return Sums{Captured: map[string]int64{}, Refunded: map[string]int64{}} }

// ReadLedger adds up the ledger at path. A last line that a crash cut short
// is left out; any other damage is Internal, a file that cannot be opened
// NotFound, and a sum that does not fit Exhausted.
func ReadLedger(path string) (Summary, error) {
	sum := Summary{Sums: newSums(), Captures: map[string]int{}, Orders: map[domain.OrderID]Account{}, Providers: map[string]Sums{}}
	for _, name := range Names() {
		sum.Providers[name] = newSums()
	}
	file, err := os.Open(path) //nolint:gosec // the path is the operator's
	if err != nil {
		return sum, domain.Wrap(domain.NotFound, err, "There is no ledger at %s", path)
	}
	defer file.Close() //nolint:errcheck // nothing was written
	booked := map[parcel]domain.OrderID{}
	_, err = scan(file, func(row Row) error { return sum.add(row, booked) })
	if err != nil && domain.KindOf(err) == domain.Exhausted {
		return sum, domain.Wrap(domain.Exhausted, err, "The ledger %s cannot be added up", path)
	}
	if err != nil {
		return sum, domain.Wrap(domain.Internal, err, "The ledger %s is damaged", path)
	}
	return sum, nil
}

// parcel is a key of one carrier, whose name is as in the ledger.
type parcel struct{ name, key string }

func (s *Summary) add(row Row, booked map[parcel]domain.OrderID) error {
	at := parcel{row.Name, row.Key}
	order, cancels := booked[at]
	of := s.Providers[nameOf(row.Name)]
	if err := s.Sums.add(row, cancels); err != nil {
		return err
	}
	if err := of.add(row, cancels); err != nil {
		return err
	}
	s.Providers[nameOf(row.Name)] = of
	switch {
	case !row.Effective, row.Op == Lookup, row.Op == Void, row.Op == Cancel && !cancels:
		return nil
	case row.Op == Cancel: // says nothing of the order
		row.Order = order
	case row.Op == Capture:
		s.Captures[row.Key]++
	case row.Op == Book:
		booked[at] = row.Order
	}
	a := s.Orders[row.Order]
	err := a.add(row)
	s.Orders[row.Order] = a
	return err
}

// add adds up one row. A cancellation counts only if it cancels a parcel that was booked.
func (s *Sums) add(row Row, cancels bool) error {
	s.Rows++
	if !row.Effective {
		return nil
	}
	switch row.Op {
	case Capture:
		return domain.Accumulate(s.Captured, row.Amount.Currency, row.Amount.Minor)
	case Refund:
		return domain.Accumulate(s.Refunded, row.Amount.Currency, row.Amount.Minor)
	case Book:
		s.Bookings++
	case Cancel:
		if cancels {
			s.Cancellations++
		}
	case Lookup, Void:
	}
	return nil
}

func (a *Account) add(row Row) (err error) {
	switch row.Op {
	case Capture:
		a.Captures++
		a.Captured, err = domain.Sum(a.Captured, row.Amount.Minor)
	case Refund:
		a.Refunded, err = domain.Sum(a.Refunded, row.Amount.Minor)
	case Book:
		a.Bookings++
	case Cancel:
		a.Undos++
	case Lookup, Void:
	}
	return err
}

// DoubleCharged lists, sorted, the orders that were charged more than once,
// whether under one key or several, at one gateway or several.
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

// Abridged returns the sums with only those orders and keys that were charged more
// than once, the first [MaxAbridged] of each. It is small however long the ledger
// is, and DoubleCharged is empty for it if and only if it is empty for s.
func (s Summary) Abridged() Summary {
	short := s
	short.Captures, short.Orders = map[string]int{}, map[domain.OrderID]Account{}
	twice := s.DoubleCharged()
	for _, id := range twice[:min(len(twice), MaxAbridged)] {
		short.Orders[id] = s.Orders[id]
	}
	for _, key := range slices.Sorted(maps.Keys(s.Captures)) {
		if n := s.Captures[key]; n > 1 && len(short.Captures) < MaxAbridged {
			short.Captures[key] = n
		}
	}
	return short
}
