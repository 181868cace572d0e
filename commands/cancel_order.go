package commands

import (
	"context"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
	"orderflow/domain/shipment"
)

// CancelOrder requests the cancellation of an order. It is Rejected once the parcel
// is on its way, and Incomplete if the order is confirmed and the stream of its
// parcel has no events.
type CancelOrder struct {
	Order  domain.OrderID `json:"order"`
	Reason domain.Reason  `json:"reason,omitempty"` // domain.CustomerAsked if empty
	Detail string         `json:"detail,omitempty"`
}

// CommandName implements [Command].
func (CancelOrder) CommandName() string { return "cancel_order" }

func (c CancelOrder) stream() eventlog.Stream { return order.Stream(c.Order) }

func (c CancelOrder) do(ctx context.Context, l *Local) (Reply, error) {
	if c.Reason == "" {
		c.Reason = domain.CustomerAsked
	}
	parcel, _, err := l.Shipments.Load(ctx, shipment.Stream(c.Order))
	if err != nil {
		return Reply{}, err
	}
	underway := parcel.Status == shipment.StatusDispatched || parcel.Status == shipment.StatusDelivered
	return transact(ctx, l.Orders, order.Stream(c.Order), deterministicCause(ctx, c, c.Order, string(c.Order)), func(s order.State) ([]order.Event, error) {
		if s.Status == order.StatusConfirmed && parcel.Status == shipment.StatusNone { // a confirmed order has a parcel
			return nil, eventlog.ErrIncomplete(shipment.Stream(c.Order), 1, 0)
		}
		if s.Status == order.StatusConfirmed && underway {
			return nil, domain.Errorf(domain.Rejected, "The parcel is %s; return the goods instead.", parcel.Status)
		}
		return order.RequestCancel(c.Reason, c.Detail)(s)
	})
}

// FinishCancel records that the compensation of a cancelled order is complete.
type FinishCancel struct {
	Order domain.OrderID `json:"order"`
}

// CommandName implements [Command].
func (FinishCancel) CommandName() string { return "finish_cancel" }

func (c FinishCancel) stream() eventlog.Stream { return order.Stream(c.Order) }

func (c FinishCancel) do(ctx context.Context, l *Local) (Reply, error) {
	return transact(ctx, l.Orders, order.Stream(c.Order), deterministicCause(ctx, c, c.Order, string(c.Order)), order.Cancel())
}
