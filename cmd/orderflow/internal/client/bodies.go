package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"orderflow/domain"
)

// PlaceBody is the body of a request to place an order.
type PlaceBody struct {
	Customer     string      `json:"customer"`
	Lines        []PlaceLine `json:"lines"`
	PaymentToken string      `json:"payment_token"`
}

// OrderPath returns the path of an order.
func OrderPath(id string) string { return "/v1/orders/" + url.PathEscape(id) }

// Order reads one order; the query may say as of when.
func (c *Client) Order(ctx context.Context, id string, query url.Values) (o OrderView, err error) {
	return o, c.Do(ctx, Request{Method: http.MethodGet, Path: OrderPath(id), Query: query}, &o)
}

// AsOf is a moment in an order's life; without one it is now.
type AsOf struct {
	Version *int64    `help:"As of this version of the order's own events; they count from 1." placeholder:"N" xor:"then"`
	At      time.Time `help:"As it was recorded at this moment, as in 2026-01-31T12:00:00Z. An imported order was recorded when it was imported, whenever it was placed." placeholder:"TIME" xor:"then"`
}

// Query adds the moment to a query.
func (a AsOf) Query(q url.Values) url.Values {
	if a.Version != nil {
		q.Set("version", strconv.FormatInt(*a.Version, 10))
	}
	if !a.At.IsZero() {
		q.Set("at", a.At.UTC().Format(time.RFC3339Nano))
	}
	return q
}

// ReceiptBody is the body of a request to receive stock.
type ReceiptBody struct {
	Warehouse string      `json:"warehouse,omitempty"`
	Units     []PlaceLine `json:"units"`
}

// ProductBody is the body of a request to list a product.
type ProductBody struct {
	SKU   string       `json:"sku"`
	Name  string       `json:"name"`
	Price domain.Money `json:"price"`
}

// ProductPath returns the path of a product.
func ProductPath(sku string) string { return "/v1/products/" + url.PathEscape(sku) }

// ReturnLine is a line of an order and how many units of it are returned.
type ReturnLine struct {
	Line     int   `json:"line"`
	Quantity int64 `json:"quantity"`
}

// Fresh lets a query demand what an earlier command did.
type Fresh struct {
	Position int64 `help:"Wait until the view has this position; commands print theirs." placeholder:"N"`
}

// Query adds the demand to a query.
func (f Fresh) Query(q url.Values) url.Values {
	if f.Position > 0 {
		q.Set("position", strconv.FormatInt(f.Position, 10))
	}
	return q
}
