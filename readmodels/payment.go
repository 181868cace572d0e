package readmodels

import (
	"context"
	"time"

	"orderflow/domain"
)

// Payment is the money of one order.
type Payment struct {
	Order     domain.OrderID
	Status    PaymentStatus
	Amount    domain.Money // asked for
	Captured  domain.Money // taken
	Refunded  domain.Money // given back
	Attempts  int          // calls to gateways that were recorded
	Gateway   string       // the last one asked
	Reference string       // the gateway's name of the capture
	Reason    string       // the last reason a gateway or the system gave
	RetryAt   time.Time    // not to be tried before; zero when nothing waits
	UpdatedAt time.Time
	Position  int64 // of the last event that changed this row
}

// PaymentStatus is where the money of an order is.
type PaymentStatus string

// The statuses of a payment.
const (
	PaymentAttempting PaymentStatus = "attempting"
	PaymentUnknown    PaymentStatus = "unknown"
	PaymentDeferred   PaymentStatus = "deferred"
	PaymentCaptured   PaymentStatus = "captured"
	PaymentDeclined   PaymentStatus = "declined"
	PaymentVoided     PaymentStatus = "voided"
	PaymentRefunding  PaymentStatus = "refunding"
	PaymentRefunded   PaymentStatus = "refunded" // in part or whole; compare Refunded with Captured
	PaymentStuck      PaymentStatus = "refund_failed"
)

// Payments answers questions about payments.
type Payments interface {
	// Payment returns the payment of one order.
	Payment(ctx context.Context, id domain.OrderID) (Payment, error)
	// Waiting counts the orders whose payment waits to be retried, because no gateway
	// could be called or its answer was lost, and returns when the oldest of them was
	// placed; the zero time if there is none.
	Waiting(ctx context.Context) (orders int64, oldest time.Time, err error)
}

// PaymentView describes the stored rows of payments.
var PaymentView = NewView(
	Layout{
		Name: "payments", Parent: OrderView,
		Sums: []Sum{
			{Name: "payments.captured.", Column: "captured_minor", By: "captured_currency"},
			{Name: "payments.refunded.", Column: "refunded_minor", By: "refunded_currency"},
		},
	},
	Text("order_id", func(p *Payment) *domain.OrderID { return &p.Order }).Key(),
	Text("status", func(p *Payment) *PaymentStatus { return &p.Status }),
	Number("amount_minor", func(p *Payment) *int64 { return &p.Amount.Minor }),
	Text("amount_currency", func(p *Payment) *string { return &p.Amount.Currency }),
	Number("captured_minor", func(p *Payment) *int64 { return &p.Captured.Minor }),
	Text("captured_currency", func(p *Payment) *string { return &p.Captured.Currency }),
	Number("refunded_minor", func(p *Payment) *int64 { return &p.Refunded.Minor }),
	Text("refunded_currency", func(p *Payment) *string { return &p.Refunded.Currency }),
	Number("attempts", func(p *Payment) *int { return &p.Attempts }),
	Text("gateway", func(p *Payment) *string { return &p.Gateway }),
	Text("reference", func(p *Payment) *string { return &p.Reference }),
	Text("reason", func(p *Payment) *string { return &p.Reason }),
	Time("retry_at", func(p *Payment) *time.Time { return &p.RetryAt }),
	Time("updated_at", func(p *Payment) *time.Time { return &p.UpdatedAt }),
	Number("position", func(p *Payment) *int64 { return &p.Position }),
)

// Payment implements [Payments].
func (r Reader) Payment(ctx context.Context, id domain.OrderID) (Payment, error) {
	p, found, err := find(ctx, r, PaymentView, string(id))
	if err == nil && !found {
		err = domain.Errorf(domain.NotFound, "There is no payment of order %s.", id)
	}
	return p, err
}

// Waiting implements [Payments].
func (r Reader) Waiting(ctx context.Context) (orders int64, oldest time.Time, err error) {
	waiting := []Condition{where("status", Equal, string(OrderPendingPayment))}
	n, err := r.Source.Count(ctx, OrderView, waiting)
	if err != nil || n[0] == 0 {
		return 0, time.Time{}, err
	}
	first, err := list(ctx, r, OrderView, Query{Where: waiting, Order: []string{"placed_at", "id"}, Limit: 1})
	if err != nil || len(first) == 0 {
		return n[0], time.Time{}, err
	}
	return n[0], first[0].PlacedAt, nil
}
