// Package projectionstest is the contract of view stores, and made-up
// histories to project.
package projectionstest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/catalog"
	"orderflow/domain/eventlog"
	"orderflow/domain/fulfilment"
	"orderflow/domain/inventory"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/domain/shipment"
)

// Fact is an event and the stream it goes to.
type Fact struct {
	Stream  eventlog.Stream
	Pending eventlog.Pending
}

// History writes events as the commands and sagas would, order by order or
// interleaved.
type History struct {
	T        testing.TB
	Log      eventlog.Store
	Salt     string // of the ids: the same events of another salt are other events
	versions map[eventlog.Stream]eventlog.Version
}

// Start is when made-up customers begin to order.
func Start() time.Time { return time.Date(2010, 12, 1, 8, 26, 0, 0, time.UTC) }

// Append adds facts one stream after the other and returns the last position.
func (h *History) Append(facts ...Fact) (last eventlog.Position) {
	h.T.Helper()
	if h.versions == nil {
		h.versions = map[eventlog.Stream]eventlog.Version{}
	}
	for _, f := range facts {
		f.Pending.ID = eventlog.NewEventID(fmt.Sprint(h.Salt, h.versions[f.Stream]), f.Stream, 0)
		done, err := h.Log.Append(context.Background(), f.Stream, h.versions[f.Stream], f.Pending)
		if err != nil {
			h.T.Fatal(err)
		}
		h.versions[f.Stream], last = done.Version, done.Position
	}
	return last
}

// Of makes a fact of an event.
func Of[E eventlog.Typed](s eventlog.Stream, codec eventlog.Codec[E], e E) Fact {
	p, err := codec.Encode(e)
	if err != nil {
		panic(err)
	}
	return Fact{Stream: s, Pending: p}
}

// Order is a made-up order; its number decides customer, time and lines.
type Order struct {
	Number int
	Lines  int
}

// ID is the order's id.
func (o Order) ID() domain.OrderID { return domain.OrderID(fmt.Sprintf("ord_%026d", o.Number)) }

// Customer is one of seven, so that lists have company.
func (o Order) Customer() domain.CustomerID {
	return domain.CustomerID(fmt.Sprintf("customer-%d", o.Number%7))
}

// PlacedAt gives every fifth order the time of the one before: lists have ties.
func (o Order) PlacedAt() time.Time {
	return Start().Add(time.Duration(o.Number-o.Number%5/4) * 37 * time.Minute)
}

func (o Order) lines() (lines []order.Line, units []inventory.Units, total domain.Money) {
	total = domain.GBP(0)
	for i := range o.Lines {
		sku, n, price := domain.SKU(fmt.Sprintf("SKU-%04d", (o.Number+i)%500)), int64(i%9+1), int64(255+i)
		lines = append(lines, order.Line{SKU: sku, Name: "WHITE HANGING HEART T-LIGHT HOLDER", Quantity: n, PriceMinor: price})
		units = append(units, inventory.Units{SKU: sku, Quantity: n})
		total.Minor += n * price
	}
	return lines, units, total
}

// Placed is how every order begins.
func (o Order) Placed() []Fact {
	lines, _, total := o.lines()
	return []Fact{o.order(order.Placed{
		Order: o.ID(), Customer: o.Customer(), Warehouse: domain.DefaultWarehouse, Lines: lines, Total: total,
		PaymentToken: "tok_visa", Fingerprint: "f", PlacedAt: o.PlacedAt(), Origin: order.OriginAPI,
	})}
}

func (o Order) order(e order.Event) Fact     { return Of(order.Stream(o.ID()), order.Codec, e) }
func (o Order) payment(e payment.Event) Fact { return Of(payment.Stream(o.ID()), payment.Codec, e) }
func (o Order) work(e fulfilment.Event) Fact {
	return Of(fulfilment.Stream(o.ID()), fulfilment.Codec, e)
}
func (o Order) parcel(e shipment.Event) Fact { return Of(shipment.Stream(o.ID()), shipment.Codec, e) }
func (o Order) stock(e inventory.Event) Fact {
	return Of(inventory.Stream(domain.DefaultWarehouse), inventory.Codec, e)
}

// Confirmed is an order from placed to confirmed: sixteen events.
func (o Order) Confirmed() []Fact {
	_, units, total := o.lines()
	tracking, due := fmt.Sprintf("TRK%d", o.Number), o.PlacedAt().Add(48*time.Hour)
	return append(
		append(o.Placed(), o.stock(inventory.Reserved{Order: o.ID(), Units: units})),
		o.work(fulfilment.StockReserved{Warehouse: domain.DefaultWarehouse}),
		o.work(fulfilment.PaymentRequested{Order: o.ID(), Amount: total, Token: "tok_visa"}),
		o.payment(payment.AttemptStarted{Attempt: 1, Gateway: "stripe", Key: "k", Amount: total}),
		o.payment(payment.Captured{Gateway: "stripe", Reference: fmt.Sprintf("pay_%d", o.Number), Amount: total}),
		o.work(fulfilment.PaymentSettled{Reference: fmt.Sprintf("pay_%d", o.Number)}),
		o.work(fulfilment.ShipmentRequested{Order: o.ID()}),
		o.parcel(shipment.Booked{Carrier: "fedex", Tracking: tracking, EstimatedDelivery: due}),
		o.work(fulfilment.ShipmentBooked{Tracking: tracking}),
		o.stock(inventory.Committed{Order: o.ID(), Units: units}),
		o.order(order.Confirmed{PaymentReference: fmt.Sprintf("pay_%d", o.Number), Tracking: tracking, EstimatedDelivery: due}),
		o.work(fulfilment.Completed{}),
		o.parcel(shipment.Dispatched{}),
		o.parcel(shipment.Delivered{}),
	)
}

// Waiting is an order whose payment is put off until a time.
func (o Order) Waiting(until time.Time) []Fact {
	_, units, total := o.lines()
	return append(
		append(o.Placed(), o.stock(inventory.Reserved{Order: o.ID(), Units: units})),
		o.work(fulfilment.StockReserved{Warehouse: domain.DefaultWarehouse}),
		o.work(fulfilment.PaymentRequested{Order: o.ID(), Amount: total, Token: "tok_visa"}),
		o.payment(payment.Deferred{Gateway: "stripe", Reason: "circuit_open", RetryAt: until}),
	)
}

// Settled is how a waiting order's payment goes well after all.
func (o Order) Settled() []Fact {
	_, _, total := o.lines()
	return []Fact{
		o.payment(payment.AttemptStarted{Attempt: 1, Gateway: "stripe", Key: "k", Amount: total}),
		o.payment(payment.Captured{Gateway: "stripe", Reference: fmt.Sprintf("pay_%d", o.Number), Amount: total}),
	}
}

// Rejected is an order that is short of stock.
func (o Order) Rejected() []Fact {
	lines, _, _ := o.lines()
	return append(o.Placed(),
		o.stock(inventory.Refused{Order: o.ID(), Short: []inventory.Shortage{{SKU: lines[0].SKU, Wanted: lines[0].Quantity}}}),
		o.work(fulfilment.Reverting{Reason: domain.OutOfStock, Detail: "short"}),
		o.order(order.Rejected{Reason: domain.OutOfStock, Detail: "short"}),
		o.work(fulfilment.Reverted{}),
	)
}

// CancelAsked is what follows Confirmed when its customer requests the cancellation.
func (o Order) CancelAsked() []Fact {
	return []Fact{o.order(order.CancelRequested{Reason: domain.CustomerAsked, Detail: "too late"})}
}

// Cancelled is what follows CancelAsked.
func (o Order) Cancelled() []Fact {
	_, units, total := o.lines()
	return []Fact{
		o.work(fulfilment.Reverting{Reason: domain.CustomerAsked, Cancel: true}),
		o.parcel(shipment.Cancelled{Reason: "customer_asked"}),
		o.work(fulfilment.ShipmentCancelled{}),
		o.payment(payment.RefundStarted{Refund: "cancel", Amount: total}),
		o.payment(payment.Refunded{Refund: "cancel", Amount: total, Reference: "re_1"}),
		o.work(fulfilment.PaymentReverted{}),
		o.stock(inventory.Returned{Order: o.ID(), Return: "cancel", Units: units}),
		o.work(fulfilment.StockReleased{}),
		o.order(order.Cancelled{Reason: domain.CustomerAsked}),
		o.work(fulfilment.Reverted{}),
	}
}

// ReturnAsked is what follows Confirmed when one unit of the first line comes back.
func (o Order) ReturnAsked() []Fact {
	lines, _, _ := o.lines()
	return []Fact{o.order(order.LinesReturned{
		Return: "r1", Lines: []order.ReturnedLine{{Line: 0, Quantity: 1}}, Refund: domain.GBP(lines[0].PriceMinor), ReturnedAt: o.PlacedAt(),
	})}
}

// Returned is what follows ReturnAsked.
func (o Order) Returned() []Fact {
	lines, _, _ := o.lines()
	refund := domain.GBP(lines[0].PriceMinor)
	return []Fact{
		o.work(fulfilment.ReturnAccepted{Return: "r1", Refund: refund}),
		o.stock(inventory.Returned{Order: o.ID(), Return: "r1", Units: []inventory.Units{{SKU: lines[0].SKU, Quantity: 1}}}),
		o.payment(payment.RefundStarted{Refund: "r1", Amount: refund}),
		o.payment(payment.Refunded{Refund: "r1", Amount: refund, Reference: "re_r1"}),
		o.work(fulfilment.ReturnSettled{Return: "r1"}),
	}
}

// Stuck is an order that waits for a person.
func (o Order) Stuck() []Fact {
	return append(o.Placed(), o.work(fulfilment.NeedsAttention{Step: "reserve", Reason: "warehouse unknown"}))
}

// Resumed is what follows Stuck.
func (o Order) Resumed() []Fact { return []Fact{o.work(fulfilment.Resumed{By: "ann"})} }

// Stocked fills the warehouse and the catalogue with the articles of all made-up orders.
func Stocked() (facts []Fact) {
	var units []inventory.Units
	for i := range 500 {
		sku := domain.SKU(fmt.Sprintf("SKU-%04d", i))
		units = append(units, inventory.Units{SKU: sku, Quantity: 1_000_000})
		facts = append(facts, Of[catalog.Event](catalog.Stream(sku), catalog.Codec, catalog.Listed{SKU: sku, Name: "ARTICLE", Price: domain.GBP(255)}))
	}
	o := Order{}
	return append(facts, o.stock(inventory.Received{Receipt: "d1", Units: units}),
		o.stock(inventory.Adjusted{Adjustment: "a1", SKU: "SKU-0001", Delta: -3, Reason: "count"}))
}

// Mixed is a history of n orders of every fate, each with some lines.
func Mixed(n, lines int) (facts []Fact) {
	facts = Stocked()
	for i := range n {
		o := Order{Number: i, Lines: lines}
		switch i % 8 {
		case 0, 1, 2:
			facts = append(facts, o.Confirmed()...)
		case 3:
			facts = append(facts, append(append(o.Confirmed(), o.CancelAsked()...), o.Cancelled()...)...)
		case 4:
			facts = append(facts, append(append(o.Confirmed(), o.ReturnAsked()...), o.Returned()...)...)
		case 5:
			facts = append(facts, o.Rejected()...)
		case 6:
			facts = append(facts, o.Waiting(o.PlacedAt().Add(time.Hour))...)
		case 7:
			facts = append(facts, o.Stuck()...)
		}
	}
	return facts
}
