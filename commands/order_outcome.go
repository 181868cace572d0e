package commands

import (
	"context"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
)

// ConfirmOrder records that stock, payment and parcel of an order are secured.
type ConfirmOrder struct {
	Order             domain.OrderID `json:"order"`
	PaymentReference  string         `json:"payment_reference"`
	Tracking          string         `json:"tracking"`
	EstimatedDelivery time.Time      `json:"estimated_delivery"`
}

// CommandName implements [Command].
func (ConfirmOrder) CommandName() string { return "confirm_order" }

func (c ConfirmOrder) stream() eventlog.Stream { return order.Stream(c.Order) }

func (c ConfirmOrder) do(ctx context.Context, l *Local) (Reply, error) {
	return transact(ctx, l.Orders, order.Stream(c.Order), deterministicCause(ctx, c, c.Order, string(c.Order)), order.Confirm(order.Confirmed{
		PaymentReference: c.PaymentReference, Tracking: c.Tracking, EstimatedDelivery: c.EstimatedDelivery.UTC(),
	}))
}

// RejectOrder ends an order that could not be fulfilled.
type RejectOrder struct {
	Order  domain.OrderID `json:"order"`
	Reason domain.Reason  `json:"reason"`
	Detail string         `json:"detail,omitempty"`
}

// CommandName implements [Command].
func (RejectOrder) CommandName() string { return "reject_order" }

func (c RejectOrder) stream() eventlog.Stream { return order.Stream(c.Order) }

func (c RejectOrder) do(ctx context.Context, l *Local) (Reply, error) {
	return transact(ctx, l.Orders, order.Stream(c.Order), deterministicCause(ctx, c, c.Order, string(c.Order)), order.Reject(c.Reason, c.Detail))
}
