package audit

import (
	"cmp"
	"maps"
	"slices"

	"orderflow/domain"
	"orderflow/domain/catalog"
	"orderflow/domain/eventlog"
	"orderflow/domain/fulfilment"
	"orderflow/domain/inventory"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/domain/shipment"
)

// units are the movements of stock, each summed over the whole log.
type units struct {
	Received  int64 `json:"received"`
	Reserved  int64 `json:"reserved"`
	Released  int64 `json:"released"`
	Committed int64 `json:"committed"`
	Returned  int64 `json:"returned"`
}

// Tally is what a stretch of the log adds up to. It shares no code with the
// views, so that the two can be held against each other.
type Tally struct {
	events   int64
	foreign  int64             // events of other programs, which are counted apart
	position eventlog.Position // of the last event
	captured map[string]int64  // minor units by currency
	refunded map[string]int64  // minor units by currency
	units    units
	turns    []turn // of orders, in the log's order
}

// turn is one order's change of status.
type turn struct {
	stream eventlog.Stream
	status order.Status
}

// NewTally returns a Tally of nothing.
func NewTally() *Tally {
	return &Tally{captured: map[string]int64{}, refunded: map[string]int64{}}
}

// take reads one event and adds it. One of ours that no codec knows or can read
// is an error: an audit that steps over something is none. What other programs
// write into the same EventStoreDB is counted apart.
func (t *Tally) take(r eventlog.Recorded) error {
	category := r.Stream.Category()
	if !Ours(category) {
		t.foreign++
		return nil
	}
	t.events++
	t.position = r.Position
	switch category {
	case order.Category:
		return read(order.Codec, r, func(e order.Event) error { t.TakeOrder(r, e); return nil })
	case inventory.Category:
		return read(inventory.Codec, r, t.takeStock)
	case payment.Category:
		return read(payment.Codec, r, t.TakePayment)
	case shipment.Category:
		return read(shipment.Codec, r, func(shipment.Event) error { return nil })
	case catalog.Category:
		return read(catalog.Codec, r, func(catalog.Event) error { return nil })
	case fulfilment.Category:
		return read(fulfilment.Codec, r, func(fulfilment.Event) error { return nil })
	}
	return errUnread(r)
}

// OurCategories returns those of this system's streams.
func OurCategories() []string {
	return []string{order.Category, inventory.Category, payment.Category, shipment.Category, catalog.Category, fulfilment.Category}
}

// Ours says whether streams of a category are this system's.
func Ours(category string) bool { return slices.Contains(OurCategories(), category) }

func read[E eventlog.Typed](codec eventlog.Codec[E], r eventlog.Recorded, take func(E) error) error {
	e, ok, err := codec.Decode(r)
	switch {
	case err != nil:
		return err
	case !ok:
		return errUnread(r)
	}
	return take(e)
}

func errUnread(r eventlog.Recorded) error {
	return domain.Errorf(domain.Internal, "The event at position %d, %s of %s, is of a type this build does not know; use a newer one.", r.Position, r.Type, r.Stream)
}

// TakeOrder adds an event of an order.
func (t *Tally) TakeOrder(r eventlog.Recorded, e order.Event) {
	s := r.Stream
	switch e := e.(type) {
	case order.Placed:
		if r.Version > 1 { // placed again while its stream was deleted: it tells nothing
			return
		}
		if e.Total.Currency != "" {
			t.captured[e.Total.Currency] += 0 // said even if no money moved
		}
		t.turns = append(t.turns, turn{s, order.StatusPlaced})
	case order.Confirmed:
		t.turns = append(t.turns, turn{s, order.StatusConfirmed})
	case order.Rejected:
		t.turns = append(t.turns, turn{s, order.StatusRejected})
	case order.CancelRequested:
		t.turns = append(t.turns, turn{s, order.StatusCancelling})
	case order.Cancelled:
		t.turns = append(t.turns, turn{s, order.StatusCancelled})
	case order.LinesReturned:
	}
}

func (t *Tally) takeStock(e inventory.Event) error {
	switch e := e.(type) {
	case inventory.Received:
		return addUnits(&t.units.Received, e.Units)
	case inventory.Reserved:
		return addUnits(&t.units.Reserved, e.Units)
	case inventory.Released:
		return addUnits(&t.units.Released, e.Units)
	case inventory.Committed:
		return addUnits(&t.units.Committed, e.Units)
	case inventory.Returned:
		return addUnits(&t.units.Returned, e.Units)
	case inventory.Adjusted, inventory.Refused:
	}
	return nil
}

// TakePayment adds an event of a payment. A sum that does not fit is an error.
func (t *Tally) TakePayment(e payment.Event) error {
	switch e := e.(type) {
	case payment.Captured:
		return domain.Accumulate(t.captured, e.Amount.Currency, e.Amount.Minor)
	case payment.Refunded:
		return domain.Accumulate(t.refunded, e.Amount.Currency, e.Amount.Minor)
	default: // nothing moved
	}
	return nil
}

func addUnits(total *int64, all []inventory.Units) error {
	for _, u := range all {
		if err := addTo(total, u.Quantity); err != nil {
			return err
		}
	}
	return nil
}

func addTo(total *int64, n int64) error {
	sum, err := domain.Sum(*total, n)
	if err == nil {
		*total = sum
	}
	return err
}

// Add adds the stretch that follows t in the log. A total that does not fit is
// Exhausted: no answer is better than a wrong one.
func (t *Tally) Add(o *Tally) error {
	t.events += o.events
	t.foreign += o.foreign
	t.position = max(t.position, o.position)
	for currency, minor := range o.captured {
		if err := domain.Accumulate(t.captured, currency, minor); err != nil {
			return err
		}
	}
	for currency, minor := range o.refunded {
		if err := domain.Accumulate(t.refunded, currency, minor); err != nil {
			return err
		}
	}
	return cmp.Or(
		addTo(&t.units.Received, o.units.Received),
		addTo(&t.units.Reserved, o.units.Reserved),
		addTo(&t.units.Released, o.units.Released),
		addTo(&t.units.Committed, o.units.Committed),
		addTo(&t.units.Returned, o.units.Returned),
	)
}

// Replayed is the answer of audit replay.
type Replayed struct {
	Events          int64                  `json:"events"`
	Streams         int64                  `json:"streams"`
	ForeignEvents   int64                  `json:"foreign_events,omitempty"` // of other programs in the same log; not in the figures above
	Orders          map[order.Status]int64 `json:"orders"`
	CapturedMinor   map[string]int64       `json:"captured_minor"` // by currency
	RefundedMinor   map[string]int64       `json:"refunded_minor"` // by currency
	Units           units                  `json:"units"`
	Position        eventlog.Position      `json:"position"` // of the last event
	ElapsedSeconds  float64                `json:"elapsed_s"`
	EventsPerSecond float64                `json:"events_per_s"`
	Holes
}

// Result returns the sums, with the number of orders by status.
func (t *Tally) Result(orders map[order.Status]int64) Replayed {
	captured, refunded := maps.Clone(t.captured), maps.Clone(t.refunded)
	for _, sum := range []map[string]int64{t.captured, t.refunded} {
		for currency := range sum { // a currency with money in one has its zero in the other
			captured[currency] += 0
			refunded[currency] += 0
		}
	}
	return Replayed{
		Events: t.events, ForeignEvents: t.foreign, Orders: orders, Units: t.units, Position: t.position,
		CapturedMinor: captured, RefundedMinor: refunded,
	}
}
