package remote

import (
	"context"

	"orderflow/infra/simulator"
	"orderflow/sagas/charging"
	"orderflow/sagas/dispatching"
)

// Gateway returns the gateway of the service with that name. One that the service does
// not have is Unavailable for every call.
func (c *Client) Gateway(name string) charging.Gateway { return gateway{c, name} }

// Carrier returns the carrier of the service with that name. One that the service does
// not have is Unavailable for every call.
func (c *Client) Carrier(name string) dispatching.Carrier { return carrier{c, name} }

type gateway struct {
	client *Client
	name   string
}

func (g gateway) Capture(ctx context.Context, c charging.Charge) (charging.Receipt, error) {
	return g.receipt(ctx, simulator.Capture, request{Name: g.name, Key: c.Key, Order: c.Order, Amount: c.Amount, Token: c.Token})
}

func (g gateway) Lookup(ctx context.Context, key string) (charging.Receipt, error) {
	return g.receipt(ctx, simulator.Lookup, request{Name: g.name, Key: key})
}

func (g gateway) Void(ctx context.Context, key string) error {
	_, f := g.client.call(ctx, simulator.Void, request{Name: g.name, Key: key})
	return paymentError(f)
}

func (g gateway) Refund(ctx context.Context, r charging.RefundRequest) (charging.Receipt, error) {
	return g.receipt(ctx, simulator.Refund, request{Name: g.name, Key: r.Key, Order: r.Order, ChargeKey: r.ChargeKey, Amount: r.Amount})
}

// receipt makes a call whose reply has a reference.
func (g gateway) receipt(ctx context.Context, op simulator.Op, in request) (charging.Receipt, error) {
	out, f := g.client.call(ctx, op, in)
	if f == nil && out.Reference == "" {
		f = g.client.unreadable(nil)
	}
	if f != nil {
		return charging.Receipt{}, paymentError(f)
	}
	return charging.Receipt{Reference: out.Reference, Amount: out.Amount}, nil
}

func paymentError(f *failure) error {
	if f == nil {
		return nil
	}
	return f.port(charging.Failure{Reason: f.reasonOrKind()})
}

type carrier struct {
	client *Client
	name   string
}

func (c carrier) Book(ctx context.Context, b dispatching.Booking) (dispatching.Parcel, error) {
	out, f := c.client.call(ctx, simulator.Book, request{Name: c.name, Key: b.Key, Order: b.Order, Warehouse: b.Warehouse, Units: b.Units})
	if f == nil && (out.Tracking == "" || out.EstimatedDelivery.IsZero()) {
		f = c.client.unreadable(nil)
	}
	if f != nil {
		return dispatching.Parcel{}, shippingError(f)
	}
	return dispatching.Parcel{Tracking: out.Tracking, EstimatedDelivery: out.EstimatedDelivery}, nil
}

func (c carrier) Cancel(ctx context.Context, key string) error {
	_, f := c.client.call(ctx, simulator.Cancel, request{Name: c.name, Key: key})
	return shippingError(f)
}

func shippingError(f *failure) error {
	if f == nil {
		return nil
	}
	return f.port(dispatching.Failure{Reason: f.reasonOrKind()})
}
