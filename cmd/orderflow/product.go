package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"

	"orderflow/domain"
)

// productCmd is what a catalogue's keeper does.
type productCmd struct {
	Add     productAddCmd     `cmd:"" help:"Put an article on sale."`
	List    productListCmd    `cmd:"" help:"List the catalogue."`
	Reprice productRepriceCmd `cmd:"" help:"Change a price from now on."`
	Delist  productDelistCmd  `cmd:"" help:"Take an article off sale."`
}

type productAddCmd struct {
	target
	SKU      string `arg:"" help:"The article."`
	Price    string `arg:"" help:"Of one unit, as in 12.50."`
	Name     string `help:"For people."`
	Currency string `help:"Of the price." default:"GBP"`
}

type productBody struct {
	SKU   string       `json:"sku"`
	Name  string       `json:"name"`
	Price domain.Money `json:"price"`
}

// Run puts an article on sale.
func (c *productAddCmd) Run(ctx context.Context, s streams, logger *slog.Logger) error {
	minor, err := domain.ParseMinor(c.Price)
	if err != nil {
		return err
	}
	body := productBody{SKU: c.SKU, Name: c.Name, Price: domain.Money{Minor: minor, Currency: c.Currency}}
	return c.beginning().change(ctx, s, logger, request{method: http.MethodPost, path: "/v1/products", body: body}, "the article is on sale")
}

type productListCmd struct {
	target
	fresh
	Listed bool `help:"Only what is on sale."`
	limit
}

// Run lists the catalogue.
func (c *productListCmd) Run(ctx context.Context, s streams, logger *slog.Logger) error {
	query := c.query(url.Values{"limit": {"100"}})
	if c.Listed {
		query.Set("listed", "true")
	}
	return c.with(ctx, logger, func(ctx context.Context, api *client) error {
		products, err := list[productView](ctx, api, request{method: http.MethodGet, path: "/v1/products", query: query}, c.limit, s)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(s.out, products)
		}
		t := newTable(s.out, "sku", "price", "on sale", "name")
		for _, p := range products {
			t.row(p.SKU, p.Price, yesNo(p.Listed), p.Name)
		}
		return t.flush()
	})
}

type productRepriceCmd struct {
	target
	SKU      string `arg:"" help:"The article."`
	Price    string `arg:"" help:"Of one unit, as in 12.50."`
	Currency string `help:"Of the price." default:"GBP"`
}

// Run changes a price.
func (c *productRepriceCmd) Run(ctx context.Context, s streams, logger *slog.Logger) error {
	minor, err := domain.ParseMinor(c.Price)
	if err != nil {
		return err
	}
	body := map[string]domain.Money{"price": {Minor: minor, Currency: c.Currency}}
	return c.change(ctx, s, logger, request{method: http.MethodPost, path: productPath(c.SKU) + "/price", body: body}, "the price holds from now on")
}

type productDelistCmd struct {
	target
	SKU string `arg:"" help:"The article."`
}

// Run takes an article off sale.
func (c *productDelistCmd) Run(ctx context.Context, s streams, logger *slog.Logger) error {
	return c.change(ctx, s, logger, request{method: http.MethodDelete, path: productPath(c.SKU)}, "the article is off sale")
}

func productPath(sku string) string { return "/v1/products/" + url.PathEscape(sku) }

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
