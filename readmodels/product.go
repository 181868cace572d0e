package readmodels

import (
	"context"

	"orderflow/domain"
)

// Product is one article of the catalogue.
type Product struct {
	SKU      domain.SKU
	Name     string
	Price    domain.Money // of one unit
	Listed   bool         // on sale
	Version  int64        // of the product's stream
	Position int64        // of the last event that changed this row
}

// ProductQuery asks for products by SKU in byte order.
type ProductQuery struct {
	After  domain.SKU // Next of the page before
	Listed bool       // only what is on sale
	Limit  int        // rows; see PageRows
}

// ProductPage is one page of products.
type ProductPage struct {
	Products []Product
	Next     domain.SKU // empty on the last page
}

// NewProductPage cuts rows, of which a store fetched one more than limit, into a page.
func NewProductPage(rows []Product, limit int) ProductPage {
	if len(rows) <= limit {
		return ProductPage{Products: rows}
	}
	return ProductPage{Products: rows[:limit], Next: rows[limit-1].SKU}
}

// Products answers questions about the catalogue.
type Products interface {
	// Product returns one article, on sale or not.
	Product(ctx context.Context, sku domain.SKU) (Product, error)
	// Products lists articles.
	Products(ctx context.Context, q ProductQuery) (ProductPage, error)
}
