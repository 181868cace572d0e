package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"

	"orderflow/domain"
)

type orderCancelCmd struct {
	target
	Order   string `arg:"" help:"The order's id."`
	Detail  string `help:"Why, in words."`
	Version *int64 `help:"Refuse if the order is at another version." placeholder:"N"`
}

// Run asks for the order to be undone.
func (c *orderCancelCmd) Run(ctx context.Context, s streams, logger *slog.Logger) error {
	match, err := etagOf(c.Version)
	if err != nil {
		return err
	}
	r := request{method: http.MethodPost, path: orderPath(c.Order) + "/cancel", ifMatch: match}
	if c.Detail != "" {
		r.body = map[string]string{"detail": c.Detail}
	}
	return c.change(ctx, s, logger, r, "the order is being undone")
}

type orderReturnCmd struct {
	target
	Order   string   `arg:"" help:"The order's id."`
	Lines   []string `arg:"" name:"LINE:QTY" help:"How many units of which line; lines count from 0."`
	Key     string   `help:"The Idempotency-Key: the same again is the same return. Random if left out."`
	Version *int64   `help:"Refuse if the order is at another version." placeholder:"N"`
}

type returnLine struct {
	Line     int   `json:"line"`
	Quantity int64 `json:"quantity"`
}

// Run takes goods back.
func (c *orderReturnCmd) Run(ctx context.Context, s streams, logger *slog.Logger) error {
	match, err := etagOf(c.Version)
	if err != nil {
		return err
	}
	var body struct {
		Lines []returnLine `json:"lines"`
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
		body.Lines = append(body.Lines, returnLine{line, quantity})
	}
	return c.change(ctx, s, logger, request{
		method: http.MethodPost, path: orderPath(c.Order) + "/returns", body: body, key: keyOr(c.Key), ifMatch: match,
	}, "the goods go back to stock and the money to the customer")
}

// change sends a command and shows its receipt.
func (t target) change(ctx context.Context, s streams, logger *slog.Logger, r request, news string) error {
	return t.with(ctx, logger, func(ctx context.Context, api *client) error {
		var done receipt
		if err := api.do(ctx, r, &done); err != nil {
			return err
		}
		if t.JSON {
			return printJSON(s.out, done)
		}
		return showReceipt(s.out, done, news)
	})
}

func showReceipt(w io.Writer, r receipt, news string) error {
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
