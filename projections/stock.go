package projections

import (
	"context"

	"orderflow/domain"
	"orderflow/domain/inventory"
	"orderflow/readmodels"
)

// stockFold keeps the rows of stock.
type stockFold struct{ rows *table[readmodels.Stock] }

func foldStock(u *unit) viewFold { return stockFold{rowsOf(u, readmodels.StockView)} }

func (s stockFold) keys(w *wanted, e event) {
	if f, ok := e.fact.(inventory.Adjusted); ok {
		s.rows.want(w, stockKey(e, f.SKU), false)
	}
	for _, n := range unitsOf(e.fact) {
		s.rows.want(w, stockKey(e, n.SKU), false)
	}
}

func stockKey(e event, sku domain.SKU) string {
	return readmodels.StockKey(domain.Warehouse(e.Stream.ID()), sku)
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

func (s stockFold) fold(_ context.Context, e event) error {
	if f, ok := e.fact.(inventory.Adjusted); ok {
		s.row(e, f.SKU).Adjusted += f.Delta
		return nil
	}
	for _, n := range unitsOf(e.fact) {
		row := s.row(e, n.SKU)
		switch e.fact.(type) {
		case inventory.Received:
			row.Received += n.Quantity
		case inventory.Reserved:
			row.Reserved += n.Quantity
		case inventory.Released:
			row.Reserved -= n.Quantity
			row.Released += n.Quantity
		case inventory.Committed:
			row.Reserved -= n.Quantity
			row.Committed += n.Quantity
		case inventory.Returned:
			row.Returned += n.Quantity
		}
	}
	return nil
}

// row returns the row of an article, for a change by e.
func (s stockFold) row(e event, sku domain.SKU) *readmodels.Stock {
	key := stockKey(e, sku)
	row := s.rows.get(key)
	if row == nil {
		row = s.rows.put(key, readmodels.Stock{Warehouse: domain.Warehouse(e.Stream.ID()), SKU: sku})
	}
	s.rows.markDirty(key)
	row.Position = int64(e.Position)
	return row
}
