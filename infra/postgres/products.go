package postgres

import (
	"context"

	"orderflow/domain"
	"orderflow/readmodels"
)

func productView() view[domain.SKU, readmodels.Product] {
	return view[domain.SKU, readmodels.Product]{
		name: "products", bind: bindProduct, scan: scanProduct,
		keyOf:   func(p *readmodels.Product) domain.SKU { return p.SKU },
		bindKey: func(to sink, k domain.SKU) { to.text(string(k)) },
		keyText: func(k domain.SKU) string { return string(k) },
	}
}

func bindProduct(to sink, p *readmodels.Product) error {
	to.text(string(p.SKU))
	to.text(p.Name)
	to.number(p.Price.Minor)
	to.text(p.Price.Currency)
	to.truth(p.Listed)
	to.number(p.Version)
	to.number(p.Position)
	return nil
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
