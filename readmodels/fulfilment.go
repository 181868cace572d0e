package readmodels

import (
	"context"
	"time"

	"orderflow/domain"
)

// Fulfilment is the progress of the work on one order.
type Fulfilment struct {
	Order           domain.OrderID
	Phase           Phase
	Reason          domain.Reason // why it is being compensated, else empty
	AttentionStep   string        // the step a person must look at, else empty
	AttentionReason string
	PendingReturns  int       // returns whose stock or money is still to be moved
	CancelAsked     bool      // the customer's wish to cancel is not yet carried out
	Finished        bool      // nothing is left to do
	StartedAt       time.Time // when the order was recorded
	UpdatedAt       time.Time // of the last event of the order, its payment, parcel or fulfilment
	QuietUntil      time.Time // UpdatedAt, or the later time until which an event said to wait
	Position        int64     // of the last event that changed this row
}

// Phase is the part of the work that a fulfilment has reached.
type Phase string

// The phases of a fulfilment.
const (
	PhaseReserving    Phase = "reserving"
	PhaseCharging     Phase = "charging"
	PhaseShipping     Phase = "shipping"
	PhaseFulfilled    Phase = "fulfilled"
	PhaseCompensating Phase = "undoing"
	PhaseCompensated  Phase = "undone"
)

// Fulfilments answers questions about the work on orders.
type Fulfilments interface {
	// Fulfilment returns the work on one order; it exists from the order's first event.
	Fulfilment(ctx context.Context, id domain.OrderID) (Fulfilment, error)

	// Stalled returns up to limit orders with unfinished work that had no event since
	// before and are not waiting for a later time, the longest stalled first. Orders
	// that wait for a person are not among them: see NeedingAttention.
	Stalled(ctx context.Context, before time.Time, limit int) ([]domain.OrderID, error)

	// NeedingAttention returns up to limit fulfilments that wait for a person,
	// the longest waiting first.
	NeedingAttention(ctx context.Context, limit int) ([]Fulfilment, error)

	// Unfinished counts the fulfilments with work left, and those of them that wait for a person.
	Unfinished(ctx context.Context) (open, attention int64, err error)
}
