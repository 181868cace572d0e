package sqlite

import (
	"context"

	"orderflow/domain"
	"orderflow/readmodels"
)

func stockView() view[readmodels.Stock] {
	return view[readmodels.Stock]{
		name: "stock", bind: bindStock, scan: scanStock,
		// No name holds a control character, so NUL keeps the parts apart and in order.
		key: func(s readmodels.Stock) string { return string(s.Warehouse) + "\x00" + string(s.SKU) },
	}
}

func bindStock(args []any, s *readmodels.Stock) ([]any, error) {
	return append(args,
		string(s.Warehouse), string(s.SKU), s.Received, s.Adjusted, s.Reserved, s.Released, s.Committed, s.Returned, s.Position,
	), nil
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
