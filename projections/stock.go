package projections

import (
	"context"

	"orderflow/domain"
	"orderflow/domain/inventory"
	"orderflow/readmodels"
)

func stockKeys(w *wanted, e event) {
	if f, ok := e.fact.(inventory.Adjusted); ok {
		w.stock(e, f.SKU)
	}
	for _, n := range unitsOf(e.fact) {
		w.stock(e, n.SKU)
	}
}

func (w *wanted) stock(e event, sku domain.SKU) {
	k := StockKey{Warehouse: domain.Warehouse(e.Stream.ID()), SKU: sku}
	if _, seen := w.stocks[k]; !seen && w.unit.stock.get(k) == nil {
		w.stocks[k] = struct{}{}
		w.keys.Stock = append(w.keys.Stock, k)
	}
}

func unitsOf(fact any) []inventory.Units {
	switch f := fact.(type) {
	case inventory.Received:
		return f.Units
	case inventory.Reserved:
		return f.Units
	case inventory.Released:
		return f.Units
	case inventory.Committed:
		return f.Units
	case inventory.Returned:
		return f.Units
	}
	return nil
}

func foldStock(_ context.Context, u *unit, e event) error {
	if f, ok := e.fact.(inventory.Adjusted); ok {
		u.stockRow(e, f.SKU).Adjusted += f.Delta
		return nil
	}
	for _, n := range unitsOf(e.fact) {
		s := u.stockRow(e, n.SKU)
		switch e.fact.(type) {
		case inventory.Received:
			s.Received += n.Quantity
		case inventory.Reserved:
			s.Reserved += n.Quantity
		case inventory.Released:
			s.Reserved -= n.Quantity
			s.Released += n.Quantity
		case inventory.Committed:
			s.Reserved -= n.Quantity
			s.Committed += n.Quantity
		case inventory.Returned:
			s.Returned += n.Quantity
		}
	}
	return nil
}

func (u *unit) stockRow(e event, sku domain.SKU) *readmodels.Stock {
	k := StockKey{Warehouse: domain.Warehouse(e.Stream.ID()), SKU: sku}
	s := u.stock.get(k)
	if s == nil {
		s = u.stock.put(k, readmodels.Stock{Warehouse: k.Warehouse, SKU: sku})
	}
	u.stock.markDirty(k)
	s.Position = int64(e.Position)
	return s
}
