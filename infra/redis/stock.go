package redis

import (
	"context"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/projections"
	"orderflow/readmodels"
)

// cachedStock answers from Redis if it can, and else from the view of stock.
type cachedStock struct {
	r      *Redis
	behind readmodels.Stocks
	at     Positions
}

// Stocks puts Redis in front of a view of stock. Every answer is one that the
// view gave or gives; lists always come from it. at may be nil.
func (r *Redis) Stocks(behind readmodels.Stocks, at Positions) readmodels.Stocks {
	return &cachedStock{r, behind, at}
}

// Stock implements [readmodels.Stocks].
func (s *cachedStock) Stock(ctx context.Context, w domain.Warehouse, sku domain.SKU) (readmodels.Stock, error) {
	must := s.r.watermarks[stock].advanceFrom(s.at, projections.Stock)
	var row readmodels.Stock
	t, key := s.r.keys.stock(w, sku)
	if s.r.row(ctx, t, key, must, &row) && row.Warehouse == w && row.SKU == sku {
		return row, nil
	}
	row, err := s.behind.Stock(ctx, w, sku)
	s.r.watermarks[stock].advance(eventlog.Position(row.Position))
	return row, err
}

// Stocks implements [readmodels.Stocks].
func (s *cachedStock) Stocks(ctx context.Context, q readmodels.StockQuery) (readmodels.StockPage, error) {
	page, err := s.behind.Stocks(ctx, q)
	for _, row := range page.Stock {
		s.r.watermarks[stock].advance(eventlog.Position(row.Position))
	}
	return page, err
}
