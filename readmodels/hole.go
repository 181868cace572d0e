package readmodels

import (
	"context"
	"fmt"
	"time"

	"orderflow/domain"
)

// Hole is a stream that lacks events, so that a view cannot fold the later ones, or no
// decision can be made on it.
type Hole struct {
	Stream string         // "order-ord_7…"
	Order  domain.OrderID // that the stream is about; empty if it is about none
	// How the events are hidden, as the event store says it, such as "$maxCount
	// 1"; empty if the log does not have them any more. Views do not keep it.
	How       string
	Events    int64     // that a view set aside because those before them are missing
	Since     time.Time // when the first of them was recorded
	UpdatedAt time.Time // when the last of them was recorded
	Position  int64     // of the last of them
}

// StepRestore is the step of an order whose streams lack events: a person has
// to restore them.
const StepRestore = "restore"

// Reason returns the explanation for an operator.
func (h Hole) Reason() string {
	switch h.How {
	case "":
	case "deleted": // the server answers the first metadata with a limit of its own, which the second takes away
		return fmt.Sprintf("The event store hides events of the stream %s (deleted). Until a scavenge they come back when its metadata is written twice, both times without a limit; then resume the order. Else restore them from a backup, or settle the order by hand.", h.Stream)
	default:
		return fmt.Sprintf("The event store hides events of the stream %s (%s). Take the limit out of its metadata or restore the stream, or settle the order by hand.", h.Stream, h.How)
	}
	return fmt.Sprintf("The log lacks events of the stream %s: it was truncated or deleted where it is kept. Restore them from a backup, or settle the order by hand.", h.Stream)
}

// Holes lists the streams that a group of views set aside.
type Holes interface {
	// Holes returns up to limit streams of which a group set events aside, by
	// name, and how many there are.
	Holes(ctx context.Context, group string, limit int) (list []Hole, total int64, err error)
}

// HoleView describes the stored rows of holes. Every group has its own.
var HoleView = NewView(
	Layout{Name: "holes"},
	Text("stream", func(h *Hole) *string { return &h.Stream }).Key(),
	Text("order_id", func(h *Hole) *domain.OrderID { return &h.Order }).Fixed(),
	Number("events", func(h *Hole) *int64 { return &h.Events }),
	Time("since", func(h *Hole) *time.Time { return &h.Since }).Fixed(),
	Time("updated_at", func(h *Hole) *time.Time { return &h.UpdatedAt }),
	Number("position", func(h *Hole) *int64 { return &h.Position }),
)

// HoleList is the query for the first holes by stream.
func HoleList(limit int) Query { return Query{Order: []string{"stream"}, Limit: limit} }
