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

// returned adds up the units of all lines that came back.
func (o Order) returned() (n int64) {
	for _, l := range o.Lines {
		n += l.Returned
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

// OrderView describes the stored rows of orders. The lines are one column and not a
// row each: they are only read and written together with the order, and ten rows with
// their index cost five times as much to write as one text.
var OrderView = NewView(
	Layout{
		Name: "orders",
		Indexes: []Index{
			{Name: "orders_placed", Columns: []string{"placed_at", "id"}},
			{Name: "orders_customer", Columns: []string{"customer", "placed_at", "id"}},
			{Name: "orders_status", Columns: []string{"status", "placed_at", "id"}},
		},
		Sums: []Sum{
			{Name: "orders.", By: "status", Rename: map[string]string{string(OrderPlaced): "open", string(OrderPendingPayment): "open"}},
			{Name: "orders.units", Column: "units"},
			{Name: "orders.returned", Column: "returned_units"},
			{Name: "orders.total.", Column: "total_minor", By: "currency"},
			{Name: "orders.refunded.", Column: "refunded_minor", By: "currency"},
		},
	},
	Text("id", func(o *Order) *domain.OrderID { return &o.ID }).Key(),
	Text("customer", func(o *Order) *domain.CustomerID { return &o.Customer }).Fixed(),
	Text("warehouse", func(o *Order) *domain.Warehouse { return &o.Warehouse }).Fixed(),
	Text("status", func(o *Order) *OrderStatus { return &o.Status }),
	Text("reason", func(o *Order) *domain.Reason { return &o.Reason }),
	Text("detail", func(o *Order) *string { return &o.Detail }),
	JSON("lines", func(o *Order) *[]OrderLine { return &o.Lines }),
	Derived("units", func(o *Order) int64 { return o.Units() }).Fixed(),
	Derived("returned_units", func(o *Order) int64 { return o.returned() }),
	Text("currency", func(o *Order) *string { return &o.Total.Currency }).Fixed().
		Then(func(o *Order) { o.Refunded.Currency = o.Total.Currency }),
	Number("total_minor", func(o *Order) *int64 { return &o.Total.Minor }).Fixed(),
	Number("refunded_minor", func(o *Order) *int64 { return &o.Refunded.Minor }),
	Text("payment_reference", func(o *Order) *string { return &o.PaymentReference }),
	Text("tracking", func(o *Order) *string { return &o.Tracking }),
	Time("estimated_delivery", func(o *Order) *time.Time { return &o.EstimatedDelivery }),
	Text("origin", func(o *Order) *string { return &o.Origin }).Fixed(),
	Time("placed_at", func(o *Order) *time.Time { return &o.PlacedAt }).Fixed(),
	Time("updated_at", func(o *Order) *time.Time { return &o.UpdatedAt }),
	Number("version", func(o *Order) *int64 { return &o.Version }),
	Number("position", func(o *Order) *int64 { return &o.Position }),
)

// Order implements [Orders].
func (r Reader) Order(ctx context.Context, id domain.OrderID) (Order, error) {
	o, found, err := find(ctx, r, OrderView, string(id))
	if err == nil && !found {
		err = domain.Errorf(domain.NotFound, "There is no order %s.", id)
	}
	return o, err
}

// Orders implements [Orders].
func (r Reader) Orders(ctx context.Context, q OrderQuery) (OrderPage, error) {
	limit := PageRows(q.Limit)
	query := Query{Order: []string{"placed_at", "id"}, Descending: true, Limit: limit + 1}
	if q.Customer != "" {
		query.Where = append(query.Where, where("customer", Equal, string(q.Customer)))
	}
	if q.Status != "" {
		query.Where = append(query.Where, where("status", Equal, string(q.Status)))
	}
	if !q.From.IsZero() {
		query.Where = append(query.Where, where("placed_at", AtLeast, ceilMicros(q.From)))
	}
	if !q.Until.IsZero() {
		query.Where = append(query.Where, where("placed_at", Below, ceilMicros(q.Until)))
	}
	if q.After != "" {
		at, id, err := ParseOrderCursor(q.After)
		if err != nil {
			return OrderPage{}, err
		}
		query.Where = append(query.Where, Condition{Columns: query.Order, Is: Below, Values: []any{at.UnixMicro(), string(id)}})
	}
	rows, err := list(ctx, r, OrderView, query)
	return NewOrderPage(rows, limit), err
}
