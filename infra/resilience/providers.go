package resilience

import (
	"context"

	"orderflow/sagas/charging"
	"orderflow/sagas/dispatching"
)

// Gateway is a payment gateway behind a guard.
type Gateway struct {
	*Guard
	next charging.Gateway
}

var (
	_ charging.Gateway = Gateway{}
	_ charging.Ready   = Gateway{}
)

// NewGateway puts g before next.
func NewGateway(g *Guard, next charging.Gateway) Gateway { return Gateway{Guard: g, next: next} }

func chargingFailure(reason string) error { return charging.Failure{Reason: reason} }

// Capture implements charging.Gateway.
func (g Gateway) Capture(ctx context.Context, c charging.Charge) (r charging.Receipt, err error) {
	err = g.Do(ctx, "capture", chargingFailure, func(ctx context.Context) error { r, err = g.next.Capture(ctx, c); return err })
	return r, err
}

// Lookup implements charging.Gateway.
func (g Gateway) Lookup(ctx context.Context, key string) (r charging.Receipt, err error) {
	err = g.Do(ctx, "lookup", chargingFailure, func(ctx context.Context) error { r, err = g.next.Lookup(ctx, key); return err })
	return r, err
}

// Void implements charging.Gateway.
func (g Gateway) Void(ctx context.Context, key string) error {
	return g.Do(ctx, "void", chargingFailure, func(ctx context.Context) error { return g.next.Void(ctx, key) })
}

// Refund implements charging.Gateway.
func (g Gateway) Refund(ctx context.Context, b charging.Giveback) (r charging.Receipt, err error) {
	err = g.Do(ctx, "refund", chargingFailure, func(ctx context.Context) error { r, err = g.next.Refund(ctx, b); return err })
	return r, err
}

// Carrier is a carrier behind a guard.
type Carrier struct {
	*Guard
	next dispatching.Carrier
}

var _ dispatching.Carrier = Carrier{}

// NewCarrier puts g before next.
func NewCarrier(g *Guard, next dispatching.Carrier) Carrier { return Carrier{Guard: g, next: next} }

func dispatchingFailure(reason string) error { return dispatching.Failure{Reason: reason} }

// Book implements dispatching.Carrier.
func (c Carrier) Book(ctx context.Context, b dispatching.Booking) (p dispatching.Parcel, err error) {
	err = c.Do(ctx, "book", dispatchingFailure, func(ctx context.Context) error { p, err = c.next.Book(ctx, b); return err })
	return p, err
}

// Cancel implements dispatching.Carrier.
func (c Carrier) Cancel(ctx context.Context, key string) error {
	return c.Do(ctx, "cancel", dispatchingFailure, func(ctx context.Context) error { return c.next.Cancel(ctx, key) })
}
