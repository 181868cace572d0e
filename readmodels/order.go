package readmodels

import (
	"context"
	"time"

	"orderflow/domain"
)

// Order is one order as its customer sees it.
type Order struct {
	ID                domain.OrderID
	Customer          domain.CustomerID
	Warehouse         domain.Warehouse
	Status            OrderStatus
	Reason            domain.Reason // why it was rejected or cancelled, else empty
	Detail            string
	Lines             []OrderLine
	Total             domain.Money
	Refunded          domain.Money // what went back so far, in the currency of Total
	PaymentReference  string       // the gateway's name of the capture, once confirmed
	Tracking          string       // once confirmed
	EstimatedDelivery time.Time    // zero until confirmed
	Origin            string       // "api" or "import"
	PlacedAt          time.Time    // when the customer ordered
	UpdatedAt         time.Time    // of the last event that changed this row
	Version           int64        // of the order's stream; grows with every event of the order itself
	Position          int64        // of the last event that changed this row
}

// OrderLine is one article of an order.
type OrderLine struct {
	SKU        domain.SKU `json:"sku"`
	Name       string     `json:"name,omitempty"`
	Quantity   int64      `json:"qty"`                // units
	PriceMinor int64      `json:"price_minor"`        // of one unit, in minor units of the order's currency
	Returned   int64      `json:"returned,omitempty"` // units that came back
}

// Units adds up the units of all lines.
func (o Order) Units() (n int64) {
	for _, l := range o.Lines {
		n += l.Quantity
	}
	return n
}

// OrderStatus is where an order is in its life, as its customer sees it.
type OrderStatus string

// The life of an order. PendingPayment is a placed order whose payment could
// not be settled at once; it settles by itself.
const (
	OrderPlaced         OrderStatus = "placed"
	OrderPendingPayment OrderStatus = "pending_payment"
	OrderConfirmed      OrderStatus = "confirmed"
	OrderRejected       OrderStatus = "rejected"
	OrderCancelling     OrderStatus = "cancelling"
	OrderCancelled      OrderStatus = "cancelled"
)

// Known says whether s is one of the statuses above.
func (s OrderStatus) Known() bool {
	switch s {
	case OrderPlaced, OrderPendingPayment, OrderConfirmed, OrderRejected, OrderCancelling, OrderCancelled:
		return true
	}
	return false
}

// OrderQuery asks for orders, newest PlacedAt first. Zero fields ask for all.
type OrderQuery struct {
	Customer domain.CustomerID
	Status   OrderStatus
	From     time.Time // placed at or after
	Until    time.Time // placed before
	After    string    // Next of the page before
	Limit    int       // rows; see PageRows
}

// OrderPage is one page of orders.
type OrderPage struct {
	Orders []Order
	Next   string // empty on the last page
}

// NewOrderPage cuts rows, of which a store fetched one more than limit, into
// a page; the surplus row says that there is a next one.
func NewOrderPage(rows []Order, limit int) OrderPage {
	if len(rows) <= limit {
		return OrderPage{Orders: rows}
	}
	return OrderPage{Orders: rows[:limit], Next: orderCursor(rows[limit-1])}
}

// Orders answers questions about orders.
type Orders interface {
	// Order returns one order.
	Order(ctx context.Context, id domain.OrderID) (Order, error)
	// Orders lists orders; a cursor it did not give out is Invalid.
	Orders(ctx context.Context, q OrderQuery) (OrderPage, error)
}
