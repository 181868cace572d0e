package commands

import (
	"context"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
	"orderflow/domain/shipment"
)

// DispatchShipment says that the carrier has the parcel.
type DispatchShipment struct {
	Order domain.OrderID `json:"order"`
}

// CommandName implements [Command].
func (DispatchShipment) CommandName() string { return "dispatch_shipment" }

func (c DispatchShipment) about() eventlog.Stream { return order.Stream(c.Order) }

func (c DispatchShipment) do(ctx context.Context, l *Local) (Reply, error) {
	return transact(ctx, l.Shipments, shipment.Stream(c.Order), because(ctx, c, c.Order, string(c.Order)), shipment.Dispatch())
}

// DeliverShipment says that the customer has the parcel.
type DeliverShipment struct {
	Order domain.OrderID `json:"order"`
}

// CommandName implements [Command].
func (DeliverShipment) CommandName() string { return "deliver_shipment" }

func (c DeliverShipment) about() eventlog.Stream { return order.Stream(c.Order) }

func (c DeliverShipment) do(ctx context.Context, l *Local) (Reply, error) {
	return transact(ctx, l.Shipments, shipment.Stream(c.Order), because(ctx, c, c.Order, string(c.Order)), shipment.Deliver())
}
