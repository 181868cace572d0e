package commands

import (
	"cmp"
	"context"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/inventory"
)

// ReceiveStock takes a delivery into a warehouse. The receipt's id is the
// caller's: sending it twice is receiving once.
type ReceiveStock struct {
	Warehouse domain.Warehouse  `json:"warehouse,omitempty"` // domain.DefaultWarehouse if empty
	Receipt   string            `json:"receipt"`
	Units     []inventory.Units `json:"units"`
}

// CommandName implements [Command].
func (ReceiveStock) CommandName() string { return "receive_stock" }

func (c ReceiveStock) stream() eventlog.Stream {
	return inventory.Stream(cmp.Or(c.Warehouse, domain.DefaultWarehouse))
}

func (c ReceiveStock) do(ctx context.Context, l *Local) (Reply, error) {
	w, err := warehouse(c.Warehouse)
	if err != nil {
		return Reply{}, err
	}
	return transact(ctx, l.Stock, inventory.Stream(w), deterministicCause(ctx, c, "", string(w), c.Receipt), inventory.Receive(c.Receipt, c.Units))
}

// AdjustStock corrects the stock of one article after a count.
type AdjustStock struct {
	Warehouse  domain.Warehouse `json:"warehouse,omitempty"` // domain.DefaultWarehouse if empty
	Adjustment string           `json:"adjustment"`
	SKU        domain.SKU       `json:"sku"`
	Delta      int64            `json:"delta"` // units
	Reason     string           `json:"reason,omitempty"`
}

// CommandName implements [Command].
func (AdjustStock) CommandName() string { return "adjust_stock" }

func (c AdjustStock) stream() eventlog.Stream {
	return inventory.Stream(cmp.Or(c.Warehouse, domain.DefaultWarehouse))
}

func (c AdjustStock) do(ctx context.Context, l *Local) (Reply, error) {
	w, err := warehouse(c.Warehouse)
	if err != nil {
		return Reply{}, err
	}
	return transact(ctx, l.Stock, inventory.Stream(w), deterministicCause(ctx, c, "", string(w), c.Adjustment),
		inventory.Adjust(c.Adjustment, c.SKU, c.Delta, c.Reason))
}

// ReserveStock reserves all units of an order or none. If it reserves none, the
// reply's Short lists the shortages.
type ReserveStock struct {
	Order     domain.OrderID    `json:"order"`
	Warehouse domain.Warehouse  `json:"warehouse"`
	Units     []inventory.Units `json:"units"`
}

// CommandName implements [Command].
func (ReserveStock) CommandName() string { return "reserve_stock" }

func (c ReserveStock) stream() eventlog.Stream { return inventory.Stream(c.Warehouse) }

func (c ReserveStock) do(ctx context.Context, l *Local) (Reply, error) {
	var status inventory.ReservationStatus
	var short []inventory.Shortage
	s := inventory.Stream(c.Warehouse)
	r, err := l.Stock.Do(ctx, s, deterministicCause(ctx, c, c.Order, string(c.Order)), inventory.Reserve(c.Order, c.Units), func(after inventory.State) {
		status, short = after.Reservation(c.Order)
	})
	switch {
	case err != nil:
		return Reply{}, err
	case status == inventory.ReservationReleased:
		return Reply{}, domain.Errorf(domain.Rejected, "The reservation of %s was given up.", c.Order)
	case status != inventory.ReservationRefused:
		short = nil
	}
	return Reply{Stream: s, Version: r.Version, Position: r.Position, Events: r.Events, Short: short}, nil
}

// ReleaseStock releases the reservation of an order.
type ReleaseStock struct {
	Order     domain.OrderID   `json:"order"`
	Warehouse domain.Warehouse `json:"warehouse"`
}

// CommandName implements [Command].
func (ReleaseStock) CommandName() string { return "release_stock" }

func (c ReleaseStock) stream() eventlog.Stream { return inventory.Stream(c.Warehouse) }

func (c ReleaseStock) do(ctx context.Context, l *Local) (Reply, error) {
	return transact(ctx, l.Stock, inventory.Stream(c.Warehouse), deterministicCause(ctx, c, c.Order, string(c.Order)), inventory.Release(c.Order))
}

// CommitStock takes the reserved units of an order out of the stock.
type CommitStock struct {
	Order     domain.OrderID   `json:"order"`
	Warehouse domain.Warehouse `json:"warehouse"`
}

// CommandName implements [Command].
func (CommitStock) CommandName() string { return "commit_stock" }

func (c CommitStock) stream() eventlog.Stream { return inventory.Stream(c.Warehouse) }

func (c CommitStock) do(ctx context.Context, l *Local) (Reply, error) {
	return transact(ctx, l.Stock, inventory.Stream(c.Warehouse), deterministicCause(ctx, c, c.Order, string(c.Order)), inventory.Commit(c.Order))
}

// RestockReturn takes goods of an order back into stock.
type RestockReturn struct {
	Order     domain.OrderID    `json:"order"`
	Warehouse domain.Warehouse  `json:"warehouse"`
	Return    string            `json:"return"`
	Units     []inventory.Units `json:"units"`
}

// CommandName implements [Command].
func (RestockReturn) CommandName() string { return "restock_return" }

func (c RestockReturn) stream() eventlog.Stream { return inventory.Stream(c.Warehouse) }

func (c RestockReturn) do(ctx context.Context, l *Local) (Reply, error) {
	return transact(ctx, l.Stock, inventory.Stream(c.Warehouse), deterministicCause(ctx, c, c.Order, string(c.Order), c.Return),
		inventory.Return(c.Order, c.Return, c.Units))
}

func warehouse(w domain.Warehouse) (domain.Warehouse, error) {
	if w == "" {
		return domain.DefaultWarehouse, nil
	}
	return w, domain.CheckName("The warehouse", string(w))
}
