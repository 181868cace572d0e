package commands

import (
	"context"

	"orderflow/commands/aggregate"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/fulfilment"
	"orderflow/domain/order"
)

// ResumeFulfilment resumes the work on an order that waits for a person.
type ResumeFulfilment struct {
	Order domain.OrderID `json:"order"`
	By    string         `json:"by"` // the operator
	Note  string         `json:"note,omitempty"`
}

// CommandName implements [Command].
func (ResumeFulfilment) CommandName() string { return "resume_fulfilment" }

// stream implements [Command]: the fulfilment is decided where its order is.
func (c ResumeFulfilment) stream() eventlog.Stream { return order.Stream(c.Order) }

func (c ResumeFulfilment) do(ctx context.Context, l *Local) (Reply, error) {
	if err := domain.CheckName("The operator", c.By); err != nil {
		return Reply{}, err
	}
	return transact(ctx, l.Fulfilments, fulfilment.Stream(c.Order), aggregate.NewCause(c.Order, actor("operator", c.By)), fulfilment.Resume(c.By, c.Note))
}
