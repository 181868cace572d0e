package inventory

import (
	"maps"
	"slices"
	"strconv"

	"orderflow/domain"
	"orderflow/domain/decider"
)

// Level is the stock of one article in a warehouse, in units.
type Level struct {
	OnHand   int64 `json:"on_hand"`  // in the building: received, adjusted and returned, less committed
	Reserved int64 `json:"reserved"` // set aside for orders; never above OnHand
}

// Available returns the number of units that can be reserved.
func (l Level) Available() int64 { return l.OnHand - l.Reserved }

// ReservationStatus is the status of the reservation of one order.
type ReservationStatus uint8

// The statuses of a reservation. Append only: snapshots hold them.
const (
	ReservationNone      ReservationStatus = iota // unknown order
	ReservationHeld                               // reserved
	ReservationRefused                            // refused: something was missing
	ReservationReleased                           // released, or given up before it was reserved; a late reservation is refused
	ReservationCommitted                          // committed: the goods are the customer's
)

// State is the stock of one warehouse. It is long-lived and large, so it is
// evolved in place; see [Decider].
type State struct {
	Levels map[domain.SKU]Level          `json:"levels"`
	Orders ReservationStatuses           `json:"orders"` // every order ever seen, to recognise a repeat
	Held   map[domain.OrderID][]Units    `json:"held"`   // reserved units by order
	Shorts map[domain.OrderID][]Shortage `json:"shorts"` // shortages of refused orders
	Done   map[string]string             `json:"done"`   // receipts, adjustments and returns to a digest of what they moved, to recognise a repeat
}

// Reservation returns the status of an order's reservation, and its shortages if it was refused.
func (s State) Reservation(id domain.OrderID) (ReservationStatus, []Shortage) {
	return s.Orders.of(id), s.Shorts[id]
}

// Decider folds the events of one warehouse. It changes states in place.
var Decider = decider.Decider[State, Event]{Evolve: evolve, Clone: clone}

func evolve(s State, e Event) State {
	if s.contradicts(e) {
		return s
	}
	if s.Levels == nil {
		s = State{
			Levels: map[domain.SKU]Level{}, Orders: newReservationStatuses(), Held: map[domain.OrderID][]Units{},
			Shorts: map[domain.OrderID][]Shortage{}, Done: map[string]string{},
		}
	}
	switch e := e.(type) {
	case Received:
		s.Done[receiptKey(e.Receipt)] = digest(e.Units)
		s.move(e.Units, +1, 0)
	case Adjusted:
		units := []Units{{SKU: e.SKU, Quantity: e.Delta}}
		s.Done[adjustmentKey(e.Adjustment)] = digest(units)
		s.move(units, +1, 0)
	case Reserved:
		s.Orders.set(e.Order, ReservationHeld)
		s.Held[e.Order] = e.Units
		s.move(e.Units, 0, +1)
	case Refused:
		s.Orders.set(e.Order, ReservationRefused)
		s.Shorts[e.Order] = e.Short
	case Released:
		s.Orders.set(e.Order, ReservationReleased)
		delete(s.Held, e.Order)
		s.move(e.Units, 0, -1)
	case Committed:
		s.Orders.set(e.Order, ReservationCommitted)
		delete(s.Held, e.Order)
		s.move(e.Units, -1, -1)
	case Returned:
		s.Done[returnKey(e.Order, e.Return)] = digest(e.Units)
		s.move(e.Units, +1, 0)
	}
	return s
}

// contradicts reports whether e cannot have been decided on this state. Such an event
// is only in a stream that was deleted for a while and taken for a new one: it repeats
// an earlier event or refuses stock that is there, and is ignored.
func (s State) contradicts(e Event) bool {
	switch e := e.(type) {
	case Received:
		_, done := s.Done[receiptKey(e.Receipt)]
		return done
	case Adjusted:
		_, done := s.Done[adjustmentKey(e.Adjustment)]
		return done
	case Refused:
		return s.Orders.of(e.Order) != ReservationNone || len(e.Short) > 0 && !slices.ContainsFunc(e.Short, func(short Shortage) bool {
			return s.Levels[short.SKU].Available() < short.Wanted
		})
	case Released:
		status := s.Orders.of(e.Order)
		return status == ReservationCommitted || status == ReservationHeld && len(e.Units) == 0
	case Reserved, Committed, Returned:
	}
	return false
}

// move adds onHand and reserved times the quantity of every unit.
func (s State) move(units []Units, onHand, reserved int64) {
	for _, u := range units {
		l := s.Levels[u.SKU]
		l.OnHand += onHand * u.Quantity
		l.Reserved += reserved * u.Quantity
		s.Levels[u.SKU] = l
	}
}

// clone copies the maps; their slices are never changed once they are in.
func clone(s State) State {
	return State{
		Levels: maps.Clone(s.Levels), Orders: s.Orders.clone(), Held: maps.Clone(s.Held),
		Shorts: maps.Clone(s.Shorts), Done: maps.Clone(s.Done),
	}
}

func receiptKey(id string) string    { return "receipt " + id }
func adjustmentKey(id string) string { return "adjustment " + id }
func returnKey(order domain.OrderID, id string) string {
	return "return " + domain.Digest(string(order), id)
}

// digest names what was moved; the units are merged, so their order does not count.
func digest(units []Units) string {
	parts := make([]string, 0, 2*len(units))
	for _, u := range units {
		parts = append(parts, string(u.SKU), strconv.FormatInt(u.Quantity, 10))
	}
	return domain.Digest(parts...)
}
