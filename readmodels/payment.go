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
}
