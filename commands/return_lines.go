package commands

import (
	"context"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
)

// ReturnLines takes goods of a confirmed order back. The return's id is the
// caller's: sending it twice is returning once.
type ReturnLines struct {
	Order      domain.OrderID       `json:"order"`
	Return     string               `json:"return"`
	Lines      []order.ReturnedLine `json:"lines"`
	ReturnedAt time.Time            `json:"returned_at"`
}

// CommandName implements [Command].
func (ReturnLines) CommandName() string { return "return_lines" }

func (c ReturnLines) stream() eventlog.Stream { return order.Stream(c.Order) }

func (c ReturnLines) do(ctx context.Context, l *Local) (Reply, error) {
	return transact(ctx, l.Orders, order.Stream(c.Order), deterministicCause(ctx, c, c.Order, string(c.Order), c.Return),
		order.ReturnLines(c.Return, c.Lines, c.ReturnedAt.UTC()))
}
