// Package order decides what happens to one order.
package order

import (
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Event is a fact about one order.
//
//sumtype:decl
type Event interface {
	eventlog.Typed
	isOrder()
}

// Codec lists every event an order stream may hold. The names and the JSON
// shapes are stored: add cases, never edit them.
var Codec = eventlog.NewCodec[Event](Placed{}, Confirmed{}, Rejected{}, CancelRequested{}, Cancelled{}, LinesReturned{}).
	WithReader(Placed{}, readPlaced)

// Placed says a customer ordered; stock and payment are still to come.
type Placed struct {
	Order        domain.OrderID    `json:"order"`
	Customer     domain.CustomerID `json:"customer"`
	Warehouse    domain.Warehouse  `json:"warehouse"`
	Lines        []Line            `json:"lines"`
	Total        domain.Money      `json:"total"`
	PaymentToken string            `json:"payment_token"` // the gateway's name for the means of payment; never a card number
	Fingerprint  string            `json:"fingerprint"`   // digest of the request, to tell a repeat from another request
	PlacedAt     time.Time         `json:"placed_at"`     // when the customer ordered; for imported history not when it was recorded
	Origin       string            `json:"origin"`        // OriginAPI or OriginImport
}

// Where an order came from.
const (
	OriginAPI    = "api"
	OriginImport = "import"
)

// Confirmed says stock, payment and a parcel are secured.
type Confirmed struct {
	PaymentReference  string    `json:"payment_reference"`
	Tracking          string    `json:"tracking"`
	EstimatedDelivery time.Time `json:"estimated_delivery"`
}

// Rejected says the order cannot be fulfilled and has been compensated.
type Rejected struct {
	Reason domain.Reason `json:"reason"`
	Detail string        `json:"detail,omitempty"` // for the customer
}

// CancelRequested records a request for cancellation; the compensation begins.
type CancelRequested struct {
	Reason domain.Reason `json:"reason"`
	Detail string        `json:"detail,omitempty"`
}

// Cancelled says the order was cancelled on request and has been compensated.
type Cancelled struct {
	Reason domain.Reason `json:"reason"`
}

// ReturnedLine is how many units of one line came back; lines count from 0.
type ReturnedLine struct {
	Line     int   `json:"line"`
	Quantity int64 `json:"qty"`
}

// LinesReturned says goods came back; their stock and money follow.
type LinesReturned struct {
	Return     string         `json:"return"` // the id of this return, unique within the order
	Lines      []ReturnedLine `json:"lines"`
	Refund     domain.Money   `json:"refund"`
	ReturnedAt time.Time      `json:"returned_at"`
}

func (Placed) EventType() string          { return "order.placed.v1" }
func (Confirmed) EventType() string       { return "order.confirmed.v1" }
func (Rejected) EventType() string        { return "order.rejected.v1" }
func (CancelRequested) EventType() string { return "order.cancel_requested.v1" }
func (Cancelled) EventType() string       { return "order.cancelled.v1" }
func (LinesReturned) EventType() string   { return "order.lines_returned.v1" }

func (Placed) isOrder()          {}
func (Confirmed) isOrder()       {}
func (Rejected) isOrder()        {}
func (CancelRequested) isOrder() {}
func (Cancelled) isOrder()       {}
func (LinesReturned) isOrder()   {}

// Category is the category of order streams.
const Category = "order"

// Stream names the events of one order.
func Stream(id domain.OrderID) eventlog.Stream { return eventlog.Stream(Category + "-" + string(id)) }
