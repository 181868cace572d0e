package sqlite

import (
	"context"

	"orderflow/domain"
	"orderflow/readmodels"
)

func productView() view[readmodels.Product] {
	return view[readmodels.Product]{
		name: "products", bind: bindProduct, scan: scanProduct,
		key: func(p readmodels.Product) string { return string(p.SKU) },
	}
}

func bindProduct(args []any, p *readmodels.Product) ([]any, error) {
	return append(args, string(p.SKU), p.Name, p.Price.Minor, p.Price.Currency, p.Listed, p.Version, p.Position), nil
}

func scanProduct(s scanner) (p readmodels.Product, err error) {
	err = s.Scan(&p.SKU, &p.Name, &p.Price.Minor, &p.Price.Currency, &p.Listed, &p.Version, &p.Position)
	return p, err
}

// Product implements [readmodels.Products].
func (v *Views) Product(ctx context.Context, sku domain.SKU) (readmodels.Product, error) {
	p, err := one(ctx, v.products, scanProduct, "products_get", string(sku))
	return p, named(err, "There is no product %s.", sku)
}

// Products implements [readmodels.Products].
func (v *Views) Products(ctx context.Context, q readmodels.ProductQuery) (readmodels.ProductPage, error) {
	limit, name := readmodels.PageRows(q.Limit), "products_list"
	if q.Listed {
		name = "products_list_listed"
	}
	rows, err := many(ctx, v.products, scanProduct, name, string(q.After), limit+1)
	if err != nil {
		return readmodels.ProductPage{}, err
	}
	return readmodels.NewProductPage(rows, limit), nil
}
