package projections

import (
	"context"

	"orderflow/domain"
	"orderflow/domain/catalog"
	"orderflow/readmodels"
)

func productKeys(w *wanted, e event) {
	if sku := domain.SKU(e.Stream.ID()); w.unit.products.get(sku) == nil {
		w.keys.Products = append(w.keys.Products, sku)
	}
}

func foldProduct(ctx context.Context, u *unit, e event) error {
	sku := domain.SKU(e.Stream.ID())
	p := u.products.get(sku)
	if p == nil {
		if !begins(e, catalog.Category) {
			return u.setAside(ctx, e, e.Stream)
		}
		if _, ok := e.fact.(catalog.Listed); !ok {
			return errUnprojectable(e.Recorded, "there is no product %s", sku)
		}
		p = u.products.put(sku, readmodels.Product{SKU: sku})
	}
	u.products.markDirty(sku)
	p.Version, p.Position = int64(e.Version), int64(e.Position)
	switch f := e.fact.(type) {
	case catalog.Listed:
		p.Name, p.Price, p.Listed = f.Name, f.Price, true
	case catalog.Repriced:
		p.Price = f.Price
	case catalog.Delisted:
		p.Listed = false
	}
	return nil
}
