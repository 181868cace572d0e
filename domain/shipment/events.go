// Package shipment decides about the parcel of one order.
package shipment

import (
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Event is a fact about the parcel of one order.
//
//sumtype:decl
type Event interface {
	eventlog.Typed
	isShipment()
}

// Codec lists every event a shipment stream may hold; add cases, never edit them.
var Codec = eventlog.NewCodec[Event](Booked{}, Refused{}, Deferred{}, Cancelled{}, Dispatched{}, Delivered{}, BookingStarted{}, Claimed{})

// BookingStarted is recorded before a carrier is asked to fetch the parcel. The key
// belongs to the order: a carrier that knows it books nothing more.
type BookingStarted struct {
	Carrier string        `json:"carrier"`
	Key     string        `json:"key"`
	Claim   *domain.Claim `json:"claim,omitempty"` // of the process that calls the carrier, in a fleet
}

// Claimed is recorded, in a fleet, before a carrier is asked to cancel: one process
// makes the call.
type Claimed struct {
	Claim domain.Claim `json:"claim"`
}

// Booked says a carrier will fetch the parcel. Booking repeats safely under the order's key.
type Booked struct {
	Carrier           string    `json:"carrier"`
	Tracking          string    `json:"tracking"`
	EstimatedDelivery time.Time `json:"estimated_delivery"`
}

// Refused says the carrier will not take the parcel.
type Refused struct {
	Carrier string `json:"carrier"`
	Reason  string `json:"reason"`
}

// Deferred says the carrier could not be asked, or its answer was lost; asking again is safe.
type Deferred struct {
	Carrier      string    `json:"carrier"`
	Reason       string    `json:"reason"`
	RetryAt      time.Time `json:"retry_at"`
	Compensating bool      `json:"undoing,omitempty"` // it was asked to call the parcel off; else to fetch it
}

// Cancelled says no parcel will be fetched: a booking was cancelled, or a late one will be refused.
type Cancelled struct {
	Reason string `json:"reason"`
}

// Dispatched says the carrier has the parcel; from here an order can only be returned.
type Dispatched struct{}

// Delivered says the customer has the parcel.
type Delivered struct{}

func (Booked) EventType() string     { return "shipment.booked.v1" }
func (Refused) EventType() string    { return "shipment.refused.v1" }
func (Deferred) EventType() string   { return "shipment.deferred.v1" }
func (Cancelled) EventType() string  { return "shipment.cancelled.v1" }
func (Dispatched) EventType() string { return "shipment.dispatched.v1" }
func (Delivered) EventType() string  { return "shipment.delivered.v1" }

// EventType names the stored form.
func (BookingStarted) EventType() string { return "shipment.booking_started.v1" }

// EventType names the stored form.
func (Claimed) EventType() string { return "shipment.claimed.v1" }

func (Booked) isShipment()     {}
func (Refused) isShipment()    {}
func (Deferred) isShipment()   {}
func (Cancelled) isShipment()  {}
func (Dispatched) isShipment() {}
func (Delivered) isShipment()  {}

func (BookingStarted) isShipment() {}
func (Claimed) isShipment()        {}

// Category is the category of shipment streams.
const Category = "shipment"

// Stream names the parcel of one order.
func Stream(id domain.OrderID) eventlog.Stream { return eventlog.Stream(Category + "-" + string(id)) }
