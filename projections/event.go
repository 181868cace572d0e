package projections

import (
	"orderflow/domain"
	"orderflow/domain/catalog"
	"orderflow/domain/eventlog"
	"orderflow/domain/fulfilment"
	"orderflow/domain/inventory"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/domain/shipment"
)

// event is a recorded event with its fact decoded, once for all views of a group.
type event struct {
	eventlog.Recorded
	fact any
	size int // bytes of the data as stored
}

// decode reads an event of any category. A type this program does not know
// is an error: a view that left it out would be wrong and not know it.
func decode(r eventlog.Recorded) (event, error) {
	var (
		fact any
		ok   bool
		err  error
	)
	switch r.Stream.Category() {
	case order.Category:
		fact, ok, err = order.Codec.Decode(r)
	case payment.Category:
		fact, ok, err = payment.Codec.Decode(r)
	case fulfilment.Category:
		fact, ok, err = fulfilment.Codec.Decode(r)
	case shipment.Category:
		fact, ok, err = shipment.Codec.Decode(r)
	case inventory.Category:
		fact, ok, err = inventory.Codec.Decode(r)
	case catalog.Category:
		fact, ok, err = catalog.Codec.Decode(r)
	}
	if err != nil {
		return event{}, err
	}
	if !ok {
		return event{}, broken(r, "its type %s is not known to this version of the program", r.Type)
	}
	e := event{Recorded: r, fact: fact, size: len(r.Data)}
	e.Data = nil // decoded; a queue of events need not keep it
	return e, nil
}

// order is the order that events of order, payment, fulfilment and shipment
// streams are about: their streams are named by it.
func (e event) order() domain.OrderID { return domain.OrderID(e.Stream.ID()) }

// broken is the error of an event that no view can take.
func broken(r eventlog.Recorded, format string, args ...any) error {
	return domain.Wrap(domain.Internal, domain.Errorf(domain.Internal, format, args...),
		"The event at position %d (%s, version %d) cannot be projected", r.Position, r.Stream, r.Version)
}
