package commands

import (
	"cmp"

	"orderflow/domain"
	"orderflow/domain/catalog"
	"orderflow/domain/eventlog"
	"orderflow/domain/inventory"
	"orderflow/domain/order"
)

// StreamOf names the stream that a command is decided on first: a process that
// gets all commands of a stream decides about it from memory.
func StreamOf(c Command) eventlog.Stream {
	switch c := c.(type) {
	case PlaceOrder:
		return order.Stream(c.OrderID())
	case ConfirmOrder:
		return order.Stream(c.Order)
	case RejectOrder:
		return order.Stream(c.Order)
	case CancelOrder:
		return order.Stream(c.Order)
	case FinishCancel:
		return order.Stream(c.Order)
	case ReturnLines:
		return order.Stream(c.Order)
	case ResumeFulfilment:
		return order.Stream(c.Order) // the fulfilment is decided where its order is
	case DispatchShipment:
		return order.Stream(c.Order)
	case DeliverShipment:
		return order.Stream(c.Order)
	case ReserveStock:
		return inventory.Stream(c.Warehouse)
	case ReleaseStock:
		return inventory.Stream(c.Warehouse)
	case CommitStock:
		return inventory.Stream(c.Warehouse)
	case RestockReturn:
		return inventory.Stream(c.Warehouse)
	case ReceiveStock:
		return inventory.Stream(cmp.Or(c.Warehouse, domain.DefaultWarehouse))
	case AdjustStock:
		return inventory.Stream(cmp.Or(c.Warehouse, domain.DefaultWarehouse))
	case ListProduct:
		return catalog.Stream(c.SKU)
	case RepriceProduct:
		return catalog.Stream(c.SKU)
	case DelistProduct:
		return catalog.Stream(c.SKU)
	}
	return ""
}
