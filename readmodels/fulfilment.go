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

// The conditions by which fulfilments are looked for. Only what is unfinished meets
// them, so the indexes stay small however many orders there were.
var (
	unfinished     = where("finished", False)
	needsAttention = where("attention_step", Filled)
	noAttention    = where("attention_step", Empty)
)

// FulfilmentView describes the stored rows of fulfilments.
var FulfilmentView = NewView(
	Layout{
		Name: "fulfilments", Parent: OrderView,
		Indexes: []Index{
			{Name: "fulfilments_standing", Columns: []string{"quiet_until", "order_id"}, Where: []Condition{unfinished, noAttention}},
			{Name: "fulfilments_attention", Columns: []string{"updated_at", "order_id"}, Where: []Condition{needsAttention}},
		},
	},
	Text("order_id", func(f *Fulfilment) *domain.OrderID { return &f.Order }).Key(),
	Text("phase", func(f *Fulfilment) *Phase { return &f.Phase }),
	Text("reason", func(f *Fulfilment) *domain.Reason { return &f.Reason }),
	Text("attention_step", func(f *Fulfilment) *string { return &f.AttentionStep }),
	Text("attention_reason", func(f *Fulfilment) *string { return &f.AttentionReason }),
	Number("pending_returns", func(f *Fulfilment) *int { return &f.PendingReturns }),
	Bool("cancel_asked", func(f *Fulfilment) *bool { return &f.CancelAsked }),
	Bool("finished", func(f *Fulfilment) *bool { return &f.Finished }),
	Time("started_at", func(f *Fulfilment) *time.Time { return &f.StartedAt }),
	Time("updated_at", func(f *Fulfilment) *time.Time { return &f.UpdatedAt }),
	Time("quiet_until", func(f *Fulfilment) *time.Time { return &f.QuietUntil }),
	Number("position", func(f *Fulfilment) *int64 { return &f.Position }),
)

// Fulfilment implements [Fulfilments].
func (r Reader) Fulfilment(ctx context.Context, id domain.OrderID) (Fulfilment, error) {
	f, found, err := find(ctx, r, FulfilmentView, string(id))
	if err == nil && !found {
		err = domain.Errorf(domain.NotFound, "There is no order %s.", id)
	}
	return f, err
}

// Stalled implements [Fulfilments].
func (r Reader) Stalled(ctx context.Context, before time.Time, limit int) ([]domain.OrderID, error) {
	rows, err := list(ctx, r, FulfilmentView, Query{
		Where: []Condition{unfinished, noAttention, where("quiet_until", Below, ceilMicros(before))},
		Order: []string{"quiet_until", "order_id"}, Limit: limit,
	})
	ids := make([]domain.OrderID, len(rows))
	for i, f := range rows {
		ids[i] = f.Order
	}
	return ids, err
}

// NeedingAttention implements [Fulfilments].
func (r Reader) NeedingAttention(ctx context.Context, limit int) ([]Fulfilment, error) {
	return list(ctx, r, FulfilmentView, Query{
		Where: []Condition{needsAttention}, Order: []string{"updated_at", "order_id"}, Limit: limit,
	})
}

// Unfinished implements [Fulfilments].
func (r Reader) Unfinished(ctx context.Context) (open, attention int64, err error) {
	n, err := r.Source.Count(ctx, FulfilmentView,
		[]Condition{unfinished, noAttention}, []Condition{unfinished, needsAttention}, []Condition{needsAttention})
	if err != nil {
		return 0, 0, err
	}
	return n[0] + n[1], n[2], nil
}
