package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"

	"orderflow/cmd/orderflow/internal/client"
	"orderflow/cmd/orderflow/internal/target"
	"orderflow/cmd/orderflow/internal/terminal"
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
	target.Target
	SKU      string `arg:"" help:"The article."`
	Price    string `arg:"" help:"Of one unit, as in 12.50."`
	Name     string `help:"For people."`
	Currency string `help:"Of the price." default:"GBP"`
}

// Run puts an article on sale.
func (c *productAddCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) error {
	minor, err := domain.ParseMinor(c.Price)
	if err != nil {
		return err
	}
	body := client.ProductBody{SKU: c.SKU, Name: c.Name, Price: domain.Money{Minor: minor, Currency: c.Currency}}
	return change(ctx, c.Beginning(), s, logger, client.Request{Method: http.MethodPost, Path: "/v1/products", Body: body}, "the article is on sale")
}

type productListCmd struct {
	target.Target
	client.Fresh
	Listed bool `help:"Only what is on sale."`
	limit
}

// Run lists the catalogue.
func (c *productListCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) error {
	query := c.Query(url.Values{"limit": {"100"}})
	if c.Listed {
		query.Set("listed", "true")
	}
	return c.With(ctx, logger, func(ctx context.Context, api *client.Client) error {
		products, err := list[client.ProductView](ctx, api, client.Request{Method: http.MethodGet, Path: "/v1/products", Query: query}, c.limit, s)
		if err != nil {
			return err
		}
		if c.JSON {
			return terminal.PrintJSON(s.Out, products)
		}
		t := terminal.NewTable(s.Out, "sku", "price", "on sale", "name")
		for _, p := range products {
			t.Row(p.SKU, p.Price, terminal.YesNo(p.Listed), p.Name)
		}
		return t.Flush()
	})
}

type productRepriceCmd struct {
	target.Target
	SKU      string `arg:"" help:"The article."`
	Price    string `arg:"" help:"Of one unit, as in 12.50."`
	Currency string `help:"Of the price." default:"GBP"`
}

// Run changes a price.
func (c *productRepriceCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) error {
	minor, err := domain.ParseMinor(c.Price)
	if err != nil {
		return err
	}
	body := map[string]domain.Money{"price": {Minor: minor, Currency: c.Currency}}
	return change(ctx, c.Target, s, logger, client.Request{Method: http.MethodPost, Path: client.ProductPath(c.SKU) + "/price", Body: body}, "the price holds from now on")
}

type productDelistCmd struct {
	target.Target
	SKU string `arg:"" help:"The article."`
}

// Run takes an article off sale.
func (c *productDelistCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) error {
	return change(ctx, c.Target, s, logger, client.Request{Method: http.MethodDelete, Path: client.ProductPath(c.SKU)}, "the article is off sale")
}
