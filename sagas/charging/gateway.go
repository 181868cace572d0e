// Package charging takes and gives back the money of orders. It is the only
// place that calls a payment gateway, and it records before it calls:
//
//	AttemptStarted → Capture → Captured | Declined
//	                         → OutcomeUnknown → Lookup → Captured | Declined | Capture again under the same key
//	                         → Deferred → (later) AttemptStarted …
//	reverting: Void (nothing captured) or Refund (captured), each under a key of the order
//	           Void → VoidDeferred → (later) Void … → NeedsAttention after MaxVoids
//	           Void refused → Lookup → Captured, then Refund | Declined | VoidDeferred
//	           Refund → RefundDeferred → (later) Refund … → NeedsAttention after MaxRefunds
package charging

import (
	"context"

	"orderflow/domain"
)

// Charge asks for money. The key belongs to the order: a gateway that has seen
// it answers as it did before and takes nothing more.
type Charge struct {
	Order  domain.OrderID
	Key    string
	Amount domain.Money
	Token  string // the gateway's name for the means of payment
}

// RefundRequest asks for part of a captured amount to be refunded, under a key of its own.
type RefundRequest struct {
	Order     domain.OrderID
	Key       string // of this refund
	ChargeKey string // of the charge it belongs to
	Amount    domain.Money
}

// Receipt is the gateway's confirmation that money moved.
type Receipt struct {
	Reference string
	Amount    domain.Money
}

// Gateway is a payment provider. Every method may be repeated with the same
// key and then has no second effect. The kinds of its errors decide what
// happens next, and a [Failure] inside gives the reason:
//
//	Rejected     the provider said no for good; no money moved
//	Unavailable  the call was not made or surely had no effect (breaker open, bulkhead full, refused connection)
//	Unknown      the call may have had its effect (timeout, connection lost, a 5xx); ask with Lookup
//	NotFound     Lookup and Refund only: the provider never heard of the key
type Gateway interface {
	// Capture takes the money of a charge.
	Capture(ctx context.Context, c Charge) (Receipt, error)
	// Lookup asks what became of the charge with this key.
	Lookup(ctx context.Context, key string) (Receipt, error)
	// Void makes sure that nothing is or will be captured under the key; a
	// charge that was captured is Rejected: refund it.
	Void(ctx context.Context, key string) error
	// Refund gives money back.
	Refund(ctx context.Context, g RefundRequest) (Receipt, error)
}

// Failure is the reason of a gateway's error, as it is recorded in events and
// counted: "circuit_open", "bulkhead_full", "timeout", "connection_lost",
// "insufficient_funds", …
type Failure struct{ Reason string } //nolint:errname // it is why a call failed, carried inside an error

func (f Failure) Error() string { return f.Reason }
