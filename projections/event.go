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

// decoder reads the events of any category.
type decoder struct {
	plain map[string]any // by type: facts of which views ask only whether they happened
}

// newDecoder lists the facts whose data no view reads, which are most of an
// order's: reading it would cost more than all folding. Data that cannot be
// read stops a view only where the view needs it.
func newDecoder() decoder {
	d := decoder{plain: map[string]any{}}
	for _, fact := range []eventlog.Typed{
		fulfilment.StockReserved{},
		fulfilment.PaymentRequested{},
		fulfilment.PaymentSettled{},
		fulfilment.ShipmentRequested{},
		fulfilment.ShipmentBooked{},
		fulfilment.Completed{},
		fulfilment.ShipmentCancelled{},
		fulfilment.PaymentReverted{},
		fulfilment.StockReleased{},
		fulfilment.Reverted{},
		fulfilment.ReturnAccepted{},
		fulfilment.ReturnSettled{},
		fulfilment.Resumed{},
		shipment.Booked{},
		shipment.Refused{},
		shipment.Cancelled{},
		shipment.Dispatched{},
		shipment.Delivered{},
		payment.RefundStarted{},
		inventory.Refused{},
		catalog.Delisted{},
	} {
		d.plain[fact.EventType()] = fact
	}
	return d
}

// decode reads an event. A type this program does not know is an error: a
// view that left it out would be wrong and not know it.
func (d decoder) decode(r eventlog.Recorded) (event, error) {
	e := event{Recorded: r, size: len(r.Data)}
	e.Data = nil // decoded; a queue of events need not keep it
	if e.fact = d.plain[r.Type]; e.fact != nil {
		return e, nil
	}
	var err error
	e.fact, err = decode(r)
	return e, err
}

func decode(r eventlog.Recorded) (any, error) {
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
		return nil, errUnprojectable(r, "%v", err)
	}
	if !ok {
		return nil, errUnprojectable(r, "its type %s is not known to this version of the program", r.Type)
	}
	return fact, nil
}

// order is the order that events of order, payment, fulfilment and shipment
// streams are about: their streams are named by it.
func (e event) order() domain.OrderID { return domain.OrderID(e.Stream.ID()) }

// errUnprojectable returns the error of an event that cannot be folded.
func errUnprojectable(r eventlog.Recorded, format string, args ...any) error {
	return domain.Wrap(domain.Internal, domain.Errorf(domain.Internal, format, args...),
		"The event at position %d (%s, version %d) cannot be projected", r.Position, r.Stream, r.Version)
}
