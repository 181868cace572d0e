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

// ProductView describes the stored rows of products.
var ProductView = NewView(
	Layout{
		Name:    "products",
		Indexes: []Index{{Name: "products_listed", Columns: []string{"sku"}, Where: []Condition{where("listed", True)}}},
		Sums:    []Sum{{Name: "products.count"}},
	},
	Text("sku", func(p *Product) *domain.SKU { return &p.SKU }).Key(),
	Text("name", func(p *Product) *string { return &p.Name }),
	Number("price_minor", func(p *Product) *int64 { return &p.Price.Minor }),
	Text("currency", func(p *Product) *string { return &p.Price.Currency }),
	Bool("listed", func(p *Product) *bool { return &p.Listed }),
	Number("version", func(p *Product) *int64 { return &p.Version }),
	Number("position", func(p *Product) *int64 { return &p.Position }),
)

// Product implements [Products].
func (r Reader) Product(ctx context.Context, sku domain.SKU) (Product, error) {
	p, found, err := find(ctx, r, ProductView, string(sku))
	if err == nil && !found {
		err = domain.Errorf(domain.NotFound, "There is no product %s.", sku)
	}
	return p, err
}

// Products implements [Products].
func (r Reader) Products(ctx context.Context, q ProductQuery) (ProductPage, error) {
	limit := PageRows(q.Limit)
	query := Query{Where: []Condition{where("sku", Above, string(q.After))}, Order: []string{"sku"}, Limit: limit + 1}
	if q.Listed {
		query.Where = append(query.Where, where("listed", True))
	}
	rows, err := list(ctx, r, ProductView, query)
	return NewProductPage(rows, limit), err
}
