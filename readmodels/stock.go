package readmodels

import (
	"context"

	"orderflow/domain"
)

// Stock is the units of one article in one warehouse.
type Stock struct {
	Warehouse domain.Warehouse
	SKU       domain.SKU
	Received  int64 // units that ever arrived
	Adjusted  int64 // units that counts added or, if negative, took away
	Reserved  int64 // units set aside for orders now
	Released  int64 // units ever set aside and then freed
	Committed int64 // units that ever left for good
	Returned  int64 // units that ever came back
	Position  int64 // of the last event that changed this row
}

// Available is how many units an order can have now.
func (s Stock) Available() int64 {
	return s.Received + s.Adjusted + s.Returned - s.Reserved - s.Committed
}

// StockQuery asks for a warehouse's articles by SKU in byte order.
type StockQuery struct {
	Warehouse domain.Warehouse
	After     domain.SKU // Next of the page before
	Limit     int        // rows; see PageRows
}

// StockPage is one page of stock.
type StockPage struct {
	Stock []Stock
	Next  domain.SKU // empty on the last page
}

// NewStockPage cuts rows, of which a store fetched one more than limit, into a page.
func NewStockPage(rows []Stock, limit int) StockPage {
	if len(rows) <= limit {
		return StockPage{Stock: rows}
	}
	return StockPage{Stock: rows[:limit], Next: rows[limit-1].SKU}
}

// Stocks answers questions about stock.
type Stocks interface {
	// Stock returns one article in one warehouse.
	Stock(ctx context.Context, w domain.Warehouse, sku domain.SKU) (Stock, error)
	// Stocks lists the articles of a warehouse.
	Stocks(ctx context.Context, q StockQuery) (StockPage, error)
}
