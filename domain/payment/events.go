// Package payment decides about the money of one order: at most one capture,
// ever, and refunds of no more than was captured.
package payment

import (
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Event is a fact about the payment of one order.
//
//sumtype:decl
type Event interface {
	eventlog.Typed
	isPayment()
}

// Codec lists every event a payment stream may hold; add cases, never edit them.
var Codec = eventlog.NewCodec[Event](
	AttemptStarted{}, Captured{}, Declined{}, OutcomeUnknown{}, Deferred{}, Voided{},
	RefundStarted{}, Refunded{}, RefundDeferred{}, RefundFailed{}, VoidDeferred{}, Claimed{},
)

// AttemptStarted is recorded before a gateway is called. The key belongs to
// the order and not to the attempt: a gateway that knows it charges nothing more.
type AttemptStarted struct {
	Attempt int           `json:"attempt"` // counts from 1
	Gateway string        `json:"gateway"`
	Key     string        `json:"key"`
	Amount  domain.Money  `json:"amount"`
	Claim   *domain.Claim `json:"claim,omitempty"` // of the process that calls the gateway, in a fleet
}

// Captured says the money is ours.
type Captured struct {
	Gateway   string       `json:"gateway"`
	Reference string       `json:"reference"` // the gateway's name of the capture
	Amount    domain.Money `json:"amount"`
}

// Declined says the gateway said no for good; nothing was taken.
type Declined struct {
	Gateway string `json:"gateway"`
	Reason  string `json:"reason"`
}

// OutcomeUnknown says a call was made and its answer lost: the same gateway
// must be asked before anything else is tried.
type OutcomeUnknown struct {
	Gateway string    `json:"gateway"`
	Reason  string    `json:"reason"` // "timeout", "connection_lost", …
	AskAt   time.Time `json:"ask_at"` // not to be asked before
}

// Deferred says no gateway could be called now; nothing was taken. The order waits.
type Deferred struct {
	Gateway string    `json:"gateway"`
	Reason  string    `json:"reason"` // "circuit_open", "bulkhead_full", "gateway_error", …
	RetryAt time.Time `json:"retry_at"`
}

// Voided says that nothing was captured and that the gateway will refuse a late capture.
type Voided struct {
	Reason string `json:"reason"`
}

// VoidDeferred says that the gateway could not be made to void a charge now, or
// that its answer was lost; the charge's key makes repeating safe. Whether
// money was taken is as unknown as it was.
type VoidDeferred struct {
	Gateway string    `json:"gateway"`
	Reason  string    `json:"reason"` // "timeout", "circuit_open", "void_refused", …
	RetryAt time.Time `json:"retry_at"`
}

// RefundStarted is recorded before a gateway is asked to give money back.
type RefundStarted struct {
	Refund string       `json:"refund"` // the id of this refund, unique within the order
	Amount domain.Money `json:"amount"`
}

// Refunded says a refund was made.
type Refunded struct {
	Refund    string       `json:"refund"`
	Amount    domain.Money `json:"amount"`
	Reference string       `json:"reference"` // the gateway's name of the refund
}

// RefundDeferred says a refund could not be made now, or its answer was lost; its key makes repeating safe.
type RefundDeferred struct {
	Refund  string    `json:"refund"`
	Reason  string    `json:"reason"`
	RetryAt time.Time `json:"retry_at"`
}

// RefundFailed says a gateway refused a refund for good; a person must look.
type RefundFailed struct {
	Refund string `json:"refund"`
	Reason string `json:"reason"`
}

// Claimed is recorded, in a fleet, before a gateway is called for a charge that was
// started before, a void or a refund: one process makes the call.
type Claimed struct {
	Claim domain.Claim `json:"claim"`
}

func (AttemptStarted) EventType() string { return "payment.attempt_started.v1" }
func (Captured) EventType() string       { return "payment.captured.v1" }
func (Declined) EventType() string       { return "payment.declined.v1" }
func (OutcomeUnknown) EventType() string { return "payment.outcome_unknown.v1" }
func (Deferred) EventType() string       { return "payment.deferred.v1" }
func (Voided) EventType() string         { return "payment.voided.v1" }
func (RefundStarted) EventType() string  { return "payment.refund_started.v1" }
func (Refunded) EventType() string       { return "payment.refunded.v1" }
func (RefundDeferred) EventType() string { return "payment.refund_deferred.v1" }
func (RefundFailed) EventType() string   { return "payment.refund_failed.v1" }
func (VoidDeferred) EventType() string   { return "payment.void_deferred.v1" }
func (Claimed) EventType() string        { return "payment.claimed.v1" }

func (AttemptStarted) isPayment() {}
func (Captured) isPayment()       {}
func (Declined) isPayment()       {}
func (OutcomeUnknown) isPayment() {}
func (Deferred) isPayment()       {}
func (Voided) isPayment()         {}
func (RefundStarted) isPayment()  {}
func (Refunded) isPayment()       {}
func (RefundDeferred) isPayment() {}
func (RefundFailed) isPayment()   {}
func (VoidDeferred) isPayment()   {}
func (Claimed) isPayment()        {}

// Category is the category of payment streams.
const Category = "payment"

// Stream names the payment of one order.
func Stream(id domain.OrderID) eventlog.Stream { return eventlog.Stream(Category + "-" + string(id)) }
