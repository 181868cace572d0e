// Package fulfilment decides how one order gets from placed to confirmed, or
// is compensated. It is the saga as a decider: its state has a [State.Next], and
// the driver in package sagas does what Next says, records it, and asks again.
//
//	Reserving ─ StockReserved, PaymentRequested ─▶ Charging
//	Charging  ─ PaymentSettled, ShipmentRequested ▶ Shipping
//	Shipping  ─ ShipmentBooked, Completed ───────▶ Fulfilled ─ ReturnAccepted … ReturnSettled (any number)
//	any       ─ Reverting ─▶ compensating ─ ShipmentCancelled, PaymentReverted, StockReleased, Reverted ─▶ compensated
//
// A step that cannot be done is NeedsAttention: work stops until Resumed.
package fulfilment

import (
	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Event is a fact about the fulfilment of one order.
//
//sumtype:decl
type Event interface {
	eventlog.Typed
	isFulfilment()
}

// Codec lists every event a fulfilment stream may hold; add cases, never edit them.
var Codec = eventlog.NewCodec[Event](
	StockReserved{}, PaymentRequested{}, PaymentSettled{}, ShipmentRequested{}, ShipmentBooked{}, Completed{},
	Reverting{}, ShipmentCancelled{}, PaymentReverted{}, StockReleased{}, Reverted{},
	ReturnAccepted{}, ReturnSettled{}, NeedsAttention{}, Resumed{},
)

// StockReserved says the warehouse set everything aside.
type StockReserved struct {
	Warehouse domain.Warehouse `json:"warehouse"`
}

// PaymentRequested asks charging for the money.
type PaymentRequested struct {
	Order  domain.OrderID `json:"order"`
	Amount domain.Money   `json:"amount"`
	Token  string         `json:"token"`
}

// PaymentSettled says the money was captured.
type PaymentSettled struct {
	Reference string `json:"reference"`
}

// ShipmentRequested asks dispatching for a parcel.
type ShipmentRequested struct {
	Order domain.OrderID `json:"order"`
}

// ShipmentBooked says the carrier agreed.
type ShipmentBooked struct {
	Tracking string `json:"tracking"`
}

// Completed says stock, money and parcel are secured and the order says so.
type Completed struct{}

// Reverting begins the compensation of the steps done, in reverse order.
type Reverting struct {
	Reason domain.Reason `json:"reason"`
	Detail string        `json:"detail,omitempty"`
	Cancel bool          `json:"cancel,omitempty"` // the order ends cancelled, not rejected
}

// ShipmentCancelled says no parcel will be fetched.
type ShipmentCancelled struct{}

// PaymentReverted says no money of this order is held: voided, refunded, or never taken.
type PaymentReverted struct{}

// StockReleased says the warehouse has its units back.
type StockReleased struct{}

// Reverted records that the compensation is complete and the order has ended.
type Reverted struct{}

// ReturnAccepted asks for the money of returned goods to be given back.
type ReturnAccepted struct {
	Return string       `json:"return"`
	Refund domain.Money `json:"refund"`
}

// ReturnSettled says returned goods are in stock and their money given back.
type ReturnSettled struct {
	Return string `json:"return"`
}

// NeedsAttention says a step cannot be done without a person.
type NeedsAttention struct {
	Step   string `json:"step"`
	Reason string `json:"reason"`
}

// Resumed says a person looked; the step is tried again.
type Resumed struct {
	By   string `json:"by"`
	Note string `json:"note,omitempty"`
}

func (StockReserved) EventType() string     { return "fulfilment.stock_reserved.v1" }
func (PaymentRequested) EventType() string  { return "fulfilment.payment_requested.v1" }
func (PaymentSettled) EventType() string    { return "fulfilment.payment_settled.v1" }
func (ShipmentRequested) EventType() string { return "fulfilment.shipment_requested.v1" }
func (ShipmentBooked) EventType() string    { return "fulfilment.shipment_booked.v1" }
func (Completed) EventType() string         { return "fulfilment.completed.v1" }
func (Reverting) EventType() string         { return "fulfilment.reverting.v1" }
func (ShipmentCancelled) EventType() string { return "fulfilment.shipment_cancelled.v1" }
func (PaymentReverted) EventType() string   { return "fulfilment.payment_reverted.v1" }
func (StockReleased) EventType() string     { return "fulfilment.stock_released.v1" }
func (Reverted) EventType() string          { return "fulfilment.reverted.v1" }
func (ReturnAccepted) EventType() string    { return "fulfilment.return_accepted.v1" }
func (ReturnSettled) EventType() string     { return "fulfilment.return_settled.v1" }
func (NeedsAttention) EventType() string    { return "fulfilment.needs_attention.v1" }
func (Resumed) EventType() string           { return "fulfilment.resumed.v1" }

func (StockReserved) isFulfilment()     {}
func (PaymentRequested) isFulfilment()  {}
func (PaymentSettled) isFulfilment()    {}
func (ShipmentRequested) isFulfilment() {}
func (ShipmentBooked) isFulfilment()    {}
func (Completed) isFulfilment()         {}
func (Reverting) isFulfilment()         {}
func (ShipmentCancelled) isFulfilment() {}
func (PaymentReverted) isFulfilment()   {}
func (StockReleased) isFulfilment()     {}
func (Reverted) isFulfilment()          {}
func (ReturnAccepted) isFulfilment()    {}
func (ReturnSettled) isFulfilment()     {}
func (NeedsAttention) isFulfilment()    {}
func (Resumed) isFulfilment()           {}

// Category is the category of fulfilment streams.
const Category = "fulfilment"

// Stream names the fulfilment of one order.
func Stream(id domain.OrderID) eventlog.Stream { return eventlog.Stream(Category + "-" + string(id)) }
