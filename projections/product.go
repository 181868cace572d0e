package projections

import (
	"context"

	"orderflow/domain"
	"orderflow/domain/catalog"
	"orderflow/readmodels"
)

// productFold keeps the rows of products.
type productFold struct {
	unit *unit
	rows *table[readmodels.Product]
}

func foldProducts(u *unit) viewFold { return productFold{u, rowsOf(u, readmodels.ProductView)} }

func (p productFold) keys(w *wanted, e event) { p.rows.want(w, e.Stream.ID(), false) }

func (p productFold) fold(ctx context.Context, e event) error {
	sku := e.Stream.ID()
	row := p.rows.get(sku)
	if row == nil {
		if !begins(e, catalog.Category) {
			return p.unit.setAside(ctx, e, e.Stream)
		}
		if _, ok := e.fact.(catalog.Listed); !ok {
			return errUnprojectable(e.Recorded, "there is no product %s", sku)
		}
		row = p.rows.put(sku, readmodels.Product{SKU: domain.SKU(sku)})
	}
	p.rows.markDirty(sku)
	row.Version, row.Position = int64(e.Version), int64(e.Position)
	switch f := e.fact.(type) {
	case catalog.Listed:
		row.Name, row.Price, row.Listed = f.Name, f.Price, true
	case catalog.Repriced:
		row.Price = f.Price
	case catalog.Delisted:
		row.Listed = false
	}
	return nil
}
