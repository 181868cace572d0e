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
	target
	Customer string   `required:"" help:"Who orders."`
	Token    string   `help:"The gateway's name for the means of payment. The simulator obeys tok_decline, tok_fail_once and others." default:"tok_visa"`
	Key      string   `help:"The Idempotency-Key: the same again is the same order. Random if left out."`
	Wait     int      `help:"Seconds to wait for the outcome, 0 to ${wait}." default:"10"`
	Lines    []string `arg:"" name:"SKU:QTY" help:"What to order, as in MUG:2; the last colon counts, and 1 unit is meant without one."`
}

// Help is shown under the subcommand's own --help.
func (c *orderPlaceCmd) Help() string {
	return usage("Prices come from the catalogue. The exit code is 4 when the order ends without being fulfilled, " +
		"as with OUT_OF_STOCK or PAYMENT_DECLINED; PENDING_PAYMENT and ACCEPTED settle by themselves.")
}

type placeLine struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
}

type placeBody struct {
	Customer     string      `json:"customer"`
	Lines        []placeLine `json:"lines"`
	PaymentToken string      `json:"payment_token"`
}

// Run places the order and tells the outcome.
func (c *orderPlaceCmd) Run(ctx context.Context, s streams, logger *slog.Logger) error {
	if most := int(httpapi.MaxWait / time.Second); c.Wait < 0 || c.Wait > most {
		return domain.Errorf(domain.Invalid, "--wait takes 0 to %d seconds, not %d.", most, c.Wait)
	}
	body := placeBody{Customer: c.Customer, PaymentToken: c.Token}
	for _, l := range c.Lines {
		sku, quantity, err := parsePair(l, 1)
		if err != nil {
			return err
		}
		body.Lines = append(body.Lines, placeLine{sku, quantity})
	}
	return c.with(ctx, logger, func(ctx context.Context, api *client) error {
		r := request{method: http.MethodPost, path: "/v1/orders", body: body, key: keyOr(c.Key)}
		if c.Wait > 0 {
			r.wait = strconv.Itoa(c.Wait)
		}
		var placed result
		if err := api.do(ctx, r, &placed); err != nil {
			return err
		}
		if err := c.show(s.out, placed); err != nil {
			return err
		}
		if placed.refused() {
			return domain.Errorf(domain.Rejected, "the order is not fulfilled: %s", placed.Message)
		}
		return nil
	})
}

func (c *orderPlaceCmd) show(w io.Writer, r result) error {
	if c.JSON {
		return printJSON(w, r)
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

func orderPath(id string) string { return "/v1/orders/" + url.PathEscape(id) }

type orderGetCmd struct {
	target
	fresh
	Order string `arg:"" help:"The order's id."`
	asOf
}

// asOf is a moment in an order's life; without one it is now.
type asOf struct {
	Version *int64    `help:"As of this version of the order's own events; they count from 1." placeholder:"N" xor:"then"`
	At      time.Time `help:"As it was recorded at this moment, as in 2026-01-31T12:00:00Z. An imported order was recorded when it was imported, whenever it was placed." placeholder:"TIME" xor:"then"`
}

// query adds the moment to a query.
func (a asOf) query(q url.Values) url.Values {
	if a.Version != nil {
		q.Set("version", strconv.FormatInt(*a.Version, 10))
	}
	if !a.At.IsZero() {
		q.Set("at", a.At.UTC().Format(time.RFC3339Nano))
	}
	return q
}

// Run shows one order.
func (c *orderGetCmd) Run(ctx context.Context, s streams, logger *slog.Logger) error {
	return c.with(ctx, logger, func(ctx context.Context, api *client) error {
		o, err := api.order(ctx, c.Order, c.asOf.query(c.fresh.query(url.Values{})))
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(s.out, o)
		}
		return showOrder(s.out, o)
	})
}

// order reads one order; the query may say as of when.
func (c *client) order(ctx context.Context, id string, query url.Values) (o orderView, err error) {
	return o, c.do(ctx, request{method: http.MethodGet, path: orderPath(id), query: query}, &o)
}

func showOrder(w io.Writer, o orderView) error {
	t := newTable(w) // without a heading: what is in it is to be copied as it stands
	t.row("order", o.OrderID)
	t.row("customer", o.Customer)
	t.row("status", strings.TrimSpace(o.Status+"  "+o.Reason+"  "+o.Detail))
	t.row("placed", o.PlacedAt.Format(time.RFC3339))
	t.row("total", o.Total)
	if !o.Refunded.IsZero() {
		t.row("refunded", o.Refunded)
	}
	if o.PaymentID != "" {
		t.row("payment", o.PaymentID)
	}
	if o.Tracking != "" {
		t.row("parcel", o.Tracking)
	}
	t.row("version", o.Version)
	if err := t.flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	lines := newTable(w, "line", "sku", "quantity", "price", "returned", "name")
	for _, l := range o.Lines {
		lines.row(l.Line, l.SKU, l.Quantity, amount(l.PriceMinor, o.Total.Currency), l.Returned, l.Name)
	}
	return lines.flush()
}

type orderListCmd struct {
	target
	fresh
	Customer string    `help:"Only this customer's."`
	Status   string    `help:"Only in this status: ${enum}." enum:",placed,pending_payment,confirmed,rejected,cancelling,cancelled" default:""`
	From     time.Time `help:"Placed at or after, as in 2026-01-31T12:00:00Z; an imported order was placed when its invoice says."`
	To       time.Time `help:"Placed before."`
	limit
}

// Run lists orders.
func (c *orderListCmd) Run(ctx context.Context, s streams, logger *slog.Logger) error {
	r := request{method: http.MethodGet, path: "/v1/orders", query: c.query(url.Values{"limit": {"100"}})}
	set := func(name, value string) {
		if value != "" {
			r.query.Set(name, value)
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
	return c.with(ctx, logger, func(ctx context.Context, api *client) error {
		orders, err := list[orderView](ctx, api, r, c.limit, s)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(s.out, orders)
		}
		return showOrders(s.out, orders)
	})
}

func showOrders(w io.Writer, orders []orderView) error {
	t := newTable(w, "order", "customer", "status", "reason", "lines", "total", "placed")
	for _, o := range orders {
		t.row(o.OrderID, o.Customer, o.Status, o.Reason, len(o.Lines), o.Total, o.PlacedAt.Format(time.RFC3339))
	}
	return t.flush()
}
