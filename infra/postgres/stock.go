package postgres

import (
	"context"

	"orderflow/domain"
	"orderflow/projections"
	"orderflow/readmodels"
)

func stockView() view[projections.StockKey, readmodels.Stock] {
	return view[projections.StockKey, readmodels.Stock]{
		name: "stock", bind: bindStock, scan: scanStock,
		keyOf: func(s *readmodels.Stock) projections.StockKey {
			return projections.StockKey{Warehouse: s.Warehouse, SKU: s.SKU}
		},
		bindKey: func(to sink, k projections.StockKey) { to.text(string(k.Warehouse)); to.text(string(k.SKU)) },
		// No name holds a control character, so NUL keeps the parts apart and in order.
		keyText: func(k projections.StockKey) string { return string(k.Warehouse) + "\x00" + string(k.SKU) },
	}
}

func bindStock(to sink, s *readmodels.Stock) error {
	to.text(string(s.Warehouse))
	to.text(string(s.SKU))
	to.number(s.Received)
	to.number(s.Adjusted)
	to.number(s.Reserved)
	to.number(s.Released)
	to.number(s.Committed)
	to.number(s.Returned)
	to.number(s.Position)
	return nil
}

func scanStock(r scanner) (s readmodels.Stock, err error) {
	err = r.Scan(&s.Warehouse, &s.SKU, &s.Received, &s.Adjusted, &s.Reserved, &s.Released, &s.Committed, &s.Returned, &s.Position)
	return s, err
}

// Stock implements [readmodels.Stocks].
func (v *Views) Stock(ctx context.Context, w domain.Warehouse, sku domain.SKU) (readmodels.Stock, error) {
	s, err := one(ctx, v.stock, scanStock, "stock_get", string(w), string(sku))
	return s, named(err, "There is no stock of %s in %s.", sku, w)
}

// Stocks implements [readmodels.Stocks].
func (v *Views) Stocks(ctx context.Context, q readmodels.StockQuery) (readmodels.StockPage, error) {
	limit := readmodels.PageRows(q.Limit)
	rows, err := many(ctx, v.stock, scanStock, "stock_list", string(q.Warehouse), string(q.After), limit+1)
	if err != nil {
		return readmodels.StockPage{}, err
	}
	return readmodels.NewStockPage(rows, limit), nil
}
