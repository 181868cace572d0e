package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"orderflow/cmd/orderflow/internal/client"
	"orderflow/cmd/orderflow/internal/target"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
	"orderflow/infra/httpapi"
)

// orderCmd is what a customer, or who serves one, does.
type orderCmd struct {
	Place  orderPlaceCmd  `cmd:"" help:"Place an order."`
	Get    orderGetCmd    `cmd:"" help:"Show one order, now or as it was."`
	List   orderListCmd   `cmd:"" help:"List orders, newest first."`
	Cancel orderCancelCmd `cmd:"" help:"Ask for an order to be undone."`
	Return orderReturnCmd `cmd:"" help:"Take goods of a confirmed order back."`
	Watch  orderWatchCmd  `cmd:"" help:"Show an order's events as they happen."`
}

type orderPlaceCmd struct {
	target.Target
	Customer string   `required:"" help:"Who orders."`
	Token    string   `help:"The gateway's name for the means of payment. The simulator obeys tok_decline, tok_fail_once and others." default:"tok_visa"`
	Key      string   `help:"The Idempotency-Key: the same again is the same order. Random if left out."`
	Wait     int      `help:"Seconds to wait for the outcome, 0 to ${wait}." default:"10"`
	Lines    []string `arg:"" name:"SKU:QTY" help:"What to order, as in MUG:2; the last colon counts, and 1 unit is meant without one."`
}

// Help is shown under the subcommand's own --help.
func (c *orderPlaceCmd) Help() string {
	return terminal.Usage("Prices come from the catalogue. The exit code is 4 when the order ends without being fulfilled, " +
		"as with OUT_OF_STOCK or PAYMENT_DECLINED; PENDING_PAYMENT and ACCEPTED settle by themselves.")
}

// Run places the order and tells the outcome.
func (c *orderPlaceCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) error {
	if most := int(httpapi.MaxWait / time.Second); c.Wait < 0 || c.Wait > most {
		return domain.Errorf(domain.Invalid, "--wait takes 0 to %d seconds, not %d.", most, c.Wait)
	}
	body := client.PlaceBody{Customer: c.Customer, PaymentToken: c.Token}
	for _, l := range c.Lines {
		sku, quantity, err := parsePair(l, 1)
		if err != nil {
			return err
		}
		body.Lines = append(body.Lines, client.PlaceLine{SKU: sku, Quantity: quantity})
	}
	return c.With(ctx, logger, func(ctx context.Context, api *client.Client) error {
		r := client.Request{Method: http.MethodPost, Path: "/v1/orders", Body: body, Key: keyOr(c.Key)}
		if c.Wait > 0 {
			r.Wait = strconv.Itoa(c.Wait)
		}
		var placed client.Result
		if err := api.Do(ctx, r, &placed); err != nil {
			return err
		}
		if err := c.show(s.Out, placed); err != nil {
			return err
		}
		if placed.Refused() {
			return domain.Errorf(domain.Rejected, "the order is not fulfilled: %s", placed.Message)
		}
		return nil
	})
}

func (c *orderPlaceCmd) show(w io.Writer, r client.Result) error {
	if c.JSON {
		return terminal.PrintJSON(w, r)
	}
	_, err := fmt.Fprintf(w, "%s  %s  %s\n", r.OrderID, r.Status, r.Message)
	return err
}

// parsePair reads NAME:NUMBER; the last colon counts.
func parsePair(s string, otherwise int64) (name string, n int64, err error) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return s, otherwise, nil
	}
	if n, err = strconv.ParseInt(s[i+1:], 10, 64); err != nil || i == 0 {
		return "", 0, domain.Errorf(domain.Invalid, "%q is not of the form NAME:NUMBER, as in MUG:2.", s)
	}
	return s[:i], n, nil
}

func keyOr(key string) string {
	if key == "" {
		return rand.Text()
	}
	return key
}

type orderGetCmd struct {
	target.Target
	client.Fresh
	Order string `arg:"" help:"The order's id."`
	client.AsOf
}

// Run shows one order.
func (c *orderGetCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) error {
	return c.With(ctx, logger, func(ctx context.Context, api *client.Client) error {
		o, err := api.Order(ctx, c.Order, c.AsOf.Query(c.Fresh.Query(url.Values{})))
		if err != nil {
			return err
		}
		if c.JSON {
			return terminal.PrintJSON(s.Out, o)
		}
		return showOrder(s.Out, o)
	})
}

func showOrder(w io.Writer, o client.OrderView) error {
	t := terminal.NewTable(w) // without a heading: what is in it is to be copied as it stands
	t.Row("order", o.OrderID)
	t.Row("customer", o.Customer)
	t.Row("status", strings.TrimSpace(o.Status+"  "+o.Reason+"  "+o.Detail))
	t.Row("placed", o.PlacedAt.Format(time.RFC3339))
	t.Row("total", o.Total)
	if !o.Refunded.IsZero() {
		t.Row("refunded", o.Refunded)
	}
	if o.PaymentID != "" {
		t.Row("payment", o.PaymentID)
	}
	if o.Tracking != "" {
		t.Row("parcel", o.Tracking)
	}
	t.Row("version", o.Version)
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	lines := terminal.NewTable(w, "line", "sku", "quantity", "price", "returned", "name")
	for _, l := range o.Lines {
		lines.Row(l.Line, l.SKU, l.Quantity, terminal.Amount(l.PriceMinor, o.Total.Currency), l.Returned, l.Name)
	}
	return lines.Flush()
}

type orderListCmd struct {
	target.Target
	client.Fresh
	Customer string    `help:"Only this customer's."`
	Status   string    `help:"Only in this status: ${enum}." enum:",placed,pending_payment,confirmed,rejected,cancelling,cancelled" default:""`
	From     time.Time `help:"Placed at or after, as in 2026-01-31T12:00:00Z; an imported order was placed when its invoice says."`
	To       time.Time `help:"Placed before."`
	limit
}

// Run lists orders.
func (c *orderListCmd) Run(ctx context.Context, s terminal.Streams, logger *slog.Logger) error {
	r := client.Request{Method: http.MethodGet, Path: "/v1/orders", Query: c.Query(url.Values{"limit": {"100"}})}
	set := func(name, value string) {
		if value != "" {
			r.Query.Set(name, value)
		}
	}
	set("customer", c.Customer)
	set("status", c.Status)
	if !c.From.IsZero() {
		set("from", c.From.UTC().Format(time.RFC3339Nano))
	}
	if !c.To.IsZero() {
		set("to", c.To.UTC().Format(time.RFC3339Nano))
	}
	return c.With(ctx, logger, func(ctx context.Context, api *client.Client) error {
		orders, err := list[client.OrderView](ctx, api, r, c.limit, s)
		if err != nil {
			return err
		}
		if c.JSON {
			return terminal.PrintJSON(s.Out, orders)
		}
		return showOrders(s.Out, orders)
	})
}

func showOrders(w io.Writer, orders []client.OrderView) error {
	t := terminal.NewTable(w, "order", "customer", "status", "reason", "lines", "total", "placed")
	for _, o := range orders {
		t.Row(o.OrderID, o.Customer, o.Status, o.Reason, len(o.Lines), o.Total, o.PlacedAt.Format(time.RFC3339))
	}
	return t.Flush()
}
