package commands

import (
	"context"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
)

// PlaceOrder places an order. Customer and key identify it, so sending it twice
// places it once. Prices and names come from the catalogue, except in imports of
// history.
type PlaceOrder struct {
	Customer       domain.CustomerID `json:"customer" fingerprint:"-"`             // with the key, it names the order
	IdempotencyKey string            `json:"idempotency_key" fingerprint:"-"`      // likewise
	Warehouse      domain.Warehouse  `json:"warehouse,omitempty" fingerprint:"v1"` // domain.DefaultWarehouse if empty
	Lines          []OrderLine       `json:"lines" fingerprint:"v1"`
	PaymentToken   string            `json:"payment_token" fingerprint:"v1"`
	PlacedAt       time.Time         `json:"placed_at" fingerprint:"-"` // when the request arrived: a repeat arrives later
	History        *History          `json:"history,omitempty" fingerprint:"v1"`
}

// OrderLine is one article, how many of it, and, in imports of history only, its price then.
type OrderLine struct {
	SKU        domain.SKU `json:"sku" fingerprint:"v1"`
	Quantity   int64      `json:"qty" fingerprint:"v1"`
	Name       string     `json:"name,omitempty" fingerprint:"-"`         // of imports; it never took part
	PriceMinor *int64     `json:"price_minor,omitempty" fingerprint:"v1"` // of one unit
}

// History marks an order that was placed in another system: PlacedAt is then
// when it was, and every line has its price in Currency.
type History struct {
	Currency string `json:"currency" fingerprint:"v1"`
}

// CommandName implements [Command].
func (PlaceOrder) CommandName() string { return "place_order" }

func (c PlaceOrder) stream() eventlog.Stream { return order.Stream(c.OrderID()) }

// OrderID is the id that the order has or will have.
func (c PlaceOrder) OrderID() domain.OrderID { return domain.NewOrderID(c.Customer, c.IdempotencyKey) }

func (c PlaceOrder) do(ctx context.Context, l *Local) (Reply, error) {
	if err := domain.CheckName("The customer", string(c.Customer)); err != nil {
		return Reply{}, err
	}
	if err := domain.CheckName("The idempotency key", c.IdempotencyKey); err != nil {
		return Reply{}, err
	}
	if len(c.Lines) == 0 || len(c.Lines) > domain.MaxLines {
		return Reply{}, domain.Errorf(domain.Invalid, "An order has 1 to %d lines, not %d.", domain.MaxLines, len(c.Lines))
	}
	if c.Warehouse == "" {
		c.Warehouse = domain.DefaultWarehouse
	}
	digest, err := fingerprint(c)
	if err != nil {
		return Reply{}, err
	}
	p := order.Placed{
		Fingerprint: digest,
		Order:       c.OrderID(), Customer: c.Customer, Warehouse: c.Warehouse, PaymentToken: c.PaymentToken,
		PlacedAt: c.PlacedAt.UTC(), Origin: order.OriginAPI,
	}
	cause := deterministicCause(ctx, c, p.Order, string(p.Order))
	if OriginOf(ctx).Actor == "" {
		cause.Actor = actor("customer", string(c.Customer))
	}
	var refusal error
	if c.History != nil {
		p.Origin, p.Total.Currency = order.OriginImport, c.History.Currency
		p.Lines, refusal = c.historicLines()
	} else {
		p.Lines, p.Total.Currency, refusal = c.price(ctx, l)
	}
	cause.Fresh = refusal == nil
	r, err := transact(ctx, l.Orders, order.Stream(p.Order), cause, placeUnless(refusal, p))
	if err == nil {
		r.Order = p.Order
	}
	return r, err
}

// placeUnless places an order unless it was refused. A repeat of an order that
// exists is a repeat, even if its articles have been delisted or repriced since.
func placeUnless(refusal error, p order.Placed) order.Decision {
	return func(s order.State) ([]order.Event, error) {
		if s.Status == order.StatusNew && refusal != nil {
			return nil, refusal
		}
		return order.Place(p)(s)
	}
}

// price looks every article up in the catalogue; they must share one currency.
func (c PlaceOrder) price(ctx context.Context, l *Local) (lines []order.Line, currency string, err error) {
	skus := make([]domain.SKU, len(c.Lines))
	for i, line := range c.Lines {
		if line.PriceMinor != nil {
			return nil, "", domain.Errorf(domain.Invalid, "Line %d brings a price; prices come from the catalogue.", i)
		}
		if err := domain.CheckName("The SKU", string(line.SKU)); err != nil {
			return nil, "", err
		}
		skus[i] = line.SKU
	}
	products, err := l.Prices.Quote(ctx, skus)
	if err != nil {
		return nil, "", err
	}
	lines = make([]order.Line, len(c.Lines))
	for i, line := range c.Lines {
		product := products[i]
		switch {
		case !product.Listed:
			return nil, "", domain.Errorf(domain.Rejected, "%s is not on sale.", line.SKU)
		case currency != "" && product.Price.Currency != currency:
			return nil, "", domain.Errorf(domain.Rejected, "%s is sold in %s, other lines in %s; an order has one currency.", line.SKU, product.Price.Currency, currency)
		}
		currency = product.Price.Currency
		lines[i] = order.Line{SKU: line.SKU, Name: product.Name, Quantity: line.Quantity, PriceMinor: product.Price.Minor}
	}
	return lines, currency, nil
}

func (c PlaceOrder) historicLines() ([]order.Line, error) {
	lines := make([]order.Line, len(c.Lines))
	for i, line := range c.Lines {
		if line.PriceMinor == nil {
			return nil, domain.Errorf(domain.Invalid, "Line %d has no price; history brings its own.", i)
		}
		lines[i] = order.Line{SKU: line.SKU, Name: line.Name, Quantity: line.Quantity, PriceMinor: *line.PriceMinor}
	}
	return lines, nil
}
