package commands

import (
	"context"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
	"orderflow/domain/shipment"
)

// DispatchShipment records that the carrier has the parcel.
type DispatchShipment struct {
	Order domain.OrderID `json:"order"`
}

// CommandName implements [Command].
func (DispatchShipment) CommandName() string { return "dispatch_shipment" }

func (c DispatchShipment) stream() eventlog.Stream { return order.Stream(c.Order) }

func (c DispatchShipment) do(ctx context.Context, l *Local) (Reply, error) {
	r, err := transact(ctx, l.Shipments, shipment.Stream(c.Order), deterministicCause(ctx, c, c.Order, string(c.Order)), shipment.Dispatch())
	return r, l.incompleteIfMissing(ctx, c.Order, err)
}

// DeliverShipment records that the customer has the parcel.
type DeliverShipment struct {
	Order domain.OrderID `json:"order"`
}

// CommandName implements [Command].
func (DeliverShipment) CommandName() string { return "deliver_shipment" }

func (c DeliverShipment) stream() eventlog.Stream { return order.Stream(c.Order) }

func (c DeliverShipment) do(ctx context.Context, l *Local) (Reply, error) {
	r, err := transact(ctx, l.Shipments, shipment.Stream(c.Order), deterministicCause(ctx, c, c.Order, string(c.Order)), shipment.Deliver())
	return r, l.incompleteIfMissing(ctx, c.Order, err)
}

// incompleteIfMissing returns Incomplete instead of err if a shipment command was
// rejected because the parcel's stream has no events although the order is
// confirmed, which requires a parcel.
func (l *Local) incompleteIfMissing(ctx context.Context, id domain.OrderID, err error) error {
	if err == nil || domain.KindOf(err) != domain.Rejected {
		return err
	}
	parcel, _, loadErr := l.Shipments.Load(ctx, shipment.Stream(id))
	if loadErr != nil || parcel.Status != shipment.StatusNone {
		return err
	}
	if o, _, loadErr := l.Orders.Load(ctx, order.Stream(id)); loadErr == nil && o.Status == order.StatusConfirmed {
		return eventlog.ErrIncomplete(shipment.Stream(id), 1, 0)
	}
	return err
}
