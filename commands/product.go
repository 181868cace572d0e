package commands

import (
	"context"

	"orderflow/domain"
	"orderflow/domain/catalog"
	"orderflow/domain/eventlog"
)

// ListProduct puts an article on sale.
type ListProduct struct {
	SKU   domain.SKU   `json:"sku"`
	Name  string       `json:"name"`
	Price domain.Money `json:"price"` // of one unit
}

// CommandName implements [Command].
func (ListProduct) CommandName() string { return "list_product" }

func (c ListProduct) stream() eventlog.Stream { return catalog.Stream(c.SKU) }

func (c ListProduct) do(ctx context.Context, l *Local) (Reply, error) {
	if err := domain.CheckName("The SKU", string(c.SKU)); err != nil {
		return Reply{}, err
	}
	return transact(ctx, l.Products, catalog.Stream(c.SKU), causeWithID(ctx, c, "", ""), catalog.List(c.SKU, c.Name, c.Price))
}

// RepriceProduct changes what an article costs from now on.
type RepriceProduct struct {
	SKU   domain.SKU   `json:"sku"`
	Price domain.Money `json:"price"` // of one unit
}

// CommandName implements [Command].
func (RepriceProduct) CommandName() string { return "reprice_product" }

func (c RepriceProduct) stream() eventlog.Stream { return catalog.Stream(c.SKU) }

func (c RepriceProduct) do(ctx context.Context, l *Local) (Reply, error) {
	if err := domain.CheckName("The SKU", string(c.SKU)); err != nil {
		return Reply{}, err
	}
	return transact(ctx, l.Products, catalog.Stream(c.SKU), causeWithID(ctx, c, "", ""), catalog.Reprice(c.Price))
}

// DelistProduct takes an article off sale.
type DelistProduct struct {
	SKU domain.SKU `json:"sku"`
}

// CommandName implements [Command].
func (DelistProduct) CommandName() string { return "delist_product" }

func (c DelistProduct) stream() eventlog.Stream { return catalog.Stream(c.SKU) }

func (c DelistProduct) do(ctx context.Context, l *Local) (Reply, error) {
	if err := domain.CheckName("The SKU", string(c.SKU)); err != nil {
		return Reply{}, err
	}
	return transact(ctx, l.Products, catalog.Stream(c.SKU), causeWithID(ctx, c, "", ""), catalog.Delist())
}
