package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
)

// stockCmd is what a warehouse does.
type stockCmd struct {
	Receive stockReceiveCmd `cmd:"" help:"Take goods into stock."`
	List    stockListCmd    `cmd:"" help:"List what there is."`
}

type stockReceiveCmd struct {
	target
	Units     []string `arg:"" name:"SKU:QTY" help:"What arrived, as in MUG:100."`
	Warehouse string   `help:"Where." default:"main"`
	Key       string   `help:"The Idempotency-Key, as the delivery note's number: the same again is the same delivery. Random if left out."`
}

type receiptBody struct {
	Warehouse string      `json:"warehouse,omitempty"`
	Units     []placeLine `json:"units"`
}

// Run receives goods.
func (c *stockReceiveCmd) Run(ctx context.Context, s streams, logger *slog.Logger) error {
	body := receiptBody{Warehouse: c.Warehouse}
	for _, u := range c.Units {
		sku, quantity, err := parsePair(u, 1)
		if err != nil {
			return err
		}
		body.Units = append(body.Units, placeLine{sku, quantity})
	}
	return c.beginning().change(ctx, s, logger, request{method: http.MethodPost, path: "/v1/stock/receipts", body: body, key: keyOr(c.Key)}, "the goods are in stock")
}

type stockListCmd struct {
	target
	fresh
	Warehouse string `help:"Where." default:"main"`
	limit
}

// Run lists the stock.
func (c *stockListCmd) Run(ctx context.Context, s streams, logger *slog.Logger) error {
	return c.with(ctx, logger, func(ctx context.Context, api *client) error {
		query := c.query(url.Values{"limit": {"100"}, "warehouse": {c.Warehouse}})
		stock, err := list[stockView](ctx, api, request{method: http.MethodGet, path: "/v1/stock", query: query}, c.limit, s)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(s.out, stock)
		}
		t := newTable(s.out, "sku", "available", "reserved", "received", "committed", "returned")
		for _, u := range stock {
			t.row(u.SKU, u.Available, u.Reserved, u.Received, u.Committed, u.Returned)
		}
		return t.flush()
	})
}
