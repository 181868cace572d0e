package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"

	"orderflow/cmd/orderflow/internal/client"
	"orderflow/cmd/orderflow/internal/target"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
)

type orderCancelCmd struct {
	target.Target
	Order   string `arg:"" help:"The order's id."`
	Detail  string `help:"Why, in words."`
	Version *int64 `help:"Refuse if the order is at another version." placeholder:"N"`
}

// Run asks for the order to be undone.
func (c *orderCancelCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) error {
	match, err := etagOf(c.Version)
	if err != nil {
		return err
	}
	r := client.Request{Method: http.MethodPost, Path: client.OrderPath(c.Order) + "/cancel", IfMatch: match}
	if c.Detail != "" {
		r.Body = map[string]string{"detail": c.Detail}
	}
	return change(ctx, c.Target, s, logger, r, "the order is being undone")
}

type orderReturnCmd struct {
	target.Target
	Order   string   `arg:"" help:"The order's id."`
	Lines   []string `arg:"" name:"LINE:QTY" help:"How many units of which line; lines count from 0."`
	Key     string   `help:"The Idempotency-Key: the same again is the same return. Random if left out."`
	Version *int64   `help:"Refuse if the order is at another version." placeholder:"N"`
}

// Run takes goods back.
func (c *orderReturnCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) error {
	match, err := etagOf(c.Version)
	if err != nil {
		return err
	}
	var body struct {
		Lines []client.ReturnLine `json:"lines"`
	}
	for _, l := range c.Lines {
		name, quantity, err := parsePair(l, 1)
		if err != nil {
			return err
		}
		line, err := strconv.Atoi(name)
		if err != nil {
			return domain.Errorf(domain.Invalid, "%q does not begin with the number of a line.", l)
		}
		body.Lines = append(body.Lines, client.ReturnLine{Line: line, Quantity: quantity})
	}
	return change(ctx, c.Target, s, logger, client.Request{
		Method: http.MethodPost, Path: client.OrderPath(c.Order) + "/returns", Body: body, Key: keyOr(c.Key), IfMatch: match,
	}, "the goods go back to stock and the money to the customer")
}

// change sends a command and shows its receipt.
func change(ctx context.Context, t target.Target, s terminal.Streams, logger *slog.Logger, r client.Request, news string) error {
	return t.With(ctx, logger, func(ctx context.Context, api *client.Client) error {
		var done client.Receipt
		if err := api.Do(ctx, r, &done); err != nil {
			return err
		}
		if t.JSON {
			return terminal.PrintJSON(s.Out, done)
		}
		return showReceipt(s.Out, done, news)
	})
}

func showReceipt(w io.Writer, r client.Receipt, news string) error {
	if !r.Changed {
		news = "it had been done before"
	}
	_, err := fmt.Fprintf(w, "%s is at version %d (position %d): %s\n", r.Stream, r.Version, r.Position, news)
	return err
}

// etagOf demands a version; nil demands none.
func etagOf(version *int64) (string, error) {
	switch {
	case version == nil:
		return "", nil
	case *version < 1:
		return "", domain.Errorf(domain.Invalid, "%d is not a version; they count from 1.", *version)
	}
	return `"` + strconv.FormatInt(*version, 10) + `"`, nil
}
