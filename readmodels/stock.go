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

// StockView describes the stored rows of stock.
var StockView = NewView(
	Layout{
		Name: "stock",
		Sums: []Sum{
			{Name: "stock.received", Column: "received"},
			{Name: "stock.adjusted", Column: "adjusted"},
			{Name: "stock.reserved", Column: "reserved"},
			{Name: "stock.released", Column: "released"},
			{Name: "stock.committed", Column: "committed"},
			{Name: "stock.returned", Column: "returned"},
		},
	},
	Text("warehouse", func(s *Stock) *domain.Warehouse { return &s.Warehouse }).Key(),
	Text("sku", func(s *Stock) *domain.SKU { return &s.SKU }).Key(),
	Number("received", func(s *Stock) *int64 { return &s.Received }),
	Number("adjusted", func(s *Stock) *int64 { return &s.Adjusted }),
	Number("reserved", func(s *Stock) *int64 { return &s.Reserved }),
	Number("released", func(s *Stock) *int64 { return &s.Released }),
	Number("committed", func(s *Stock) *int64 { return &s.Committed }),
	Number("returned", func(s *Stock) *int64 { return &s.Returned }),
	Number("position", func(s *Stock) *int64 { return &s.Position }),
)

// StockKey returns the key of a row of stock.
func StockKey(w domain.Warehouse, sku domain.SKU) string {
	return string(w) + keySeparator + string(sku)
}

// Stock implements [Stocks].
func (r Reader) Stock(ctx context.Context, w domain.Warehouse, sku domain.SKU) (Stock, error) {
	s, found, err := find(ctx, r, StockView, StockKey(w, sku))
	if err == nil && !found {
		err = domain.Errorf(domain.NotFound, "There is no stock of %s in %s.", sku, w)
	}
	return s, err
}

// Stocks implements [Stocks].
func (r Reader) Stocks(ctx context.Context, q StockQuery) (StockPage, error) {
	limit := PageRows(q.Limit)
	rows, err := list(ctx, r, StockView, Query{
		Where: []Condition{where("warehouse", Equal, string(q.Warehouse)), where("sku", Above, string(q.After))},
		Order: []string{"sku"}, Limit: limit + 1,
	})
	return NewStockPage(rows, limit), err
}
