package client

import (
	"encoding/json"
	"time"

	"orderflow/domain"
)

// The API's answers as this client reads them. Fields it does not know are
// left out, so that an older client reads a newer server.

// Result is the outcome of placing an order, as far as it is known.
type Result struct {
	OrderID   string     `json:"order_id"`
	Status    string     `json:"status"`
	Message   string     `json:"message"`
	PaymentID string     `json:"payment_id,omitempty"`
	Delivery  *time.Time `json:"estimated_delivery,omitempty"`
	Tracking  string     `json:"tracking_url"`
	Version   int64      `json:"version"`
	Position  int64      `json:"position"`
}

// The statuses of a result that this client tells apart.
const (
	resultAccepted = "ACCEPTED"
	ResultSuccess  = "SUCCESS"
	resultPending  = "PENDING_PAYMENT"
)

// Refused says whether the order ended without being fulfilled.
func (r Result) Refused() bool {
	return r.Status != resultAccepted && r.Status != ResultSuccess && r.Status != resultPending
}

// OrderView is an order.
type OrderView struct {
	OrderID   string       `json:"order_id"`
	Customer  string       `json:"customer"`
	Warehouse string       `json:"warehouse"`
	Status    string       `json:"status"`
	Reason    string       `json:"reason,omitempty"`
	Detail    string       `json:"detail,omitempty"`
	Lines     []orderLine  `json:"lines"`
	Total     domain.Money `json:"total"`
	Refunded  domain.Money `json:"refunded"`
	PaymentID string       `json:"payment_id,omitempty"`
	Tracking  string       `json:"tracking,omitempty"`
	Delivery  *time.Time   `json:"estimated_delivery,omitempty"`
	Origin    string       `json:"origin"`
	PlacedAt  time.Time    `json:"placed_at"`
	UpdatedAt time.Time    `json:"updated_at"`
	Version   int64        `json:"version"`
	Position  int64        `json:"position"`
}

// EventView is an event of an order's streams.
type EventView struct {
	Position    int64           `json:"position"`
	Stream      string          `json:"stream"`
	Version     int64           `json:"version"`
	Type        string          `json:"type"`
	ID          string          `json:"id"`
	At          time.Time       `json:"at"`
	Actor       string          `json:"actor,omitempty"`
	Command     string          `json:"command,omitempty"`
	Correlation string          `json:"correlation,omitempty"`
	Causation   string          `json:"causation,omitempty"`
	Trace       string          `json:"trace,omitempty"`
	Data        json.RawMessage `json:"data"`
}

// StockView is the stock of one article in one warehouse.
type StockView struct {
	Warehouse string `json:"warehouse"`
	SKU       string `json:"sku"`
	Available int64  `json:"available"`
	Reserved  int64  `json:"reserved"`
	Committed int64  `json:"committed"`
	Received  int64  `json:"received"`
	Adjusted  int64  `json:"adjusted"`
	Released  int64  `json:"released"`
	Returned  int64  `json:"returned"`
	Position  int64  `json:"position"`
}

// ProductView is a product.
type ProductView struct {
	SKU      string       `json:"sku"`
	Name     string       `json:"name"`
	Price    domain.Money `json:"price"`
	Listed   bool         `json:"listed"`
	Version  int64        `json:"version"`
	Position int64        `json:"position"`
}

// Receipt is the answer to a command that is not about an order.
type Receipt struct {
	Stream   string `json:"stream"`
	Version  int64  `json:"version"`
	Position int64  `json:"position"`
	Changed  bool   `json:"changed"`
}

// Page is one page of a list; Next is the cursor of the next one.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}
