package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"

	"orderflow/cmd/orderflow/internal/client"
	"orderflow/cmd/orderflow/internal/target"
	"orderflow/cmd/orderflow/internal/terminal"
)

// stockCmd is what a warehouse does.
type stockCmd struct {
	Receive stockReceiveCmd `cmd:"" help:"Take goods into stock."`
	List    stockListCmd    `cmd:"" help:"List what there is."`
}

type stockReceiveCmd struct {
	target.Target
	Units     []string `arg:"" name:"SKU:QTY" help:"What arrived, as in MUG:100."`
	Warehouse string   `help:"Where." default:"main"`
	Key       string   `help:"The Idempotency-Key, as the delivery note's number: the same again is the same delivery. Random if left out."`
}

// Run receives goods.
func (c *stockReceiveCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) error {
	body := client.ReceiptBody{Warehouse: c.Warehouse}
	for _, u := range c.Units {
		sku, quantity, err := parsePair(u, 1)
		if err != nil {
			return err
		}
		body.Units = append(body.Units, client.PlaceLine{SKU: sku, Quantity: quantity})
	}
	return change(ctx, c.Beginning(), s, logger, client.Request{Method: http.MethodPost, Path: "/v1/stock/receipts", Body: body, Key: keyOr(c.Key)}, "the goods are in stock")
}

type stockListCmd struct {
	target.Target
	client.Fresh
	Warehouse string `help:"Where." default:"main"`
	limit
}

// Run lists the stock.
func (c *stockListCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) error {
	return c.With(ctx, logger, func(ctx context.Context, api *client.Client) error {
		query := c.Query(url.Values{"limit": {"100"}, "warehouse": {c.Warehouse}})
		stock, err := list[client.StockView](ctx, api, client.Request{Method: http.MethodGet, Path: "/v1/stock", Query: query}, c.limit, s)
		if err != nil {
			return err
		}
		if c.JSON {
			return terminal.PrintJSON(s.Out, stock)
		}
		t := terminal.NewTable(s.Out, "sku", "available", "reserved", "received", "committed", "returned")
		for _, u := range stock {
			t.Row(u.SKU, u.Available, u.Reserved, u.Received, u.Committed, u.Returned)
		}
		return t.Flush()
	})
}
