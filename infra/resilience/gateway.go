package resilience

import (
	"context"
	"errors"

	"orderflow/sagas"
	"orderflow/sagas/charging"
)

// Gateway is a payment gateway behind a [Guard].
type Gateway struct {
	*Guard
	gateway charging.Gateway
}

var (
	_ charging.Gateway = (*Gateway)(nil)
	_ sagas.Ready      = (*Gateway)(nil)
)

// NewGateway guards g, which must return soon after its context ends.
func NewGateway(g charging.Gateway, o Options) *Gateway {
	return &Gateway{Guard: newGuard(o, paymentWords()), gateway: g}
}

func paymentWords() words {
	return words{
		failure: func(reason string) error { return charging.Failure{Reason: reason} },
		reason: func(err error) (string, bool) {
			f, ok := errors.AsType[charging.Failure](err)
			return f.Reason, ok
		},
	}
}

// Capture calls the gateway through the guard.
func (g *Gateway) Capture(ctx context.Context, c charging.Charge) (charging.Receipt, error) {
	return call(ctx, g.Guard, "capture", func(ctx context.Context) (charging.Receipt, error) {
		return g.gateway.Capture(ctx, c)
	})
}

// Lookup calls the gateway through the guard.
func (g *Gateway) Lookup(ctx context.Context, key string) (charging.Receipt, error) {
	return call(ctx, g.Guard, "lookup", func(ctx context.Context) (charging.Receipt, error) {
		return g.gateway.Lookup(ctx, key)
	})
}

// Void is the gateway's, guarded.
func (g *Gateway) Void(ctx context.Context, key string) error {
	_, err := call(ctx, g.Guard, "void", func(ctx context.Context) (struct{}, error) {
		return struct{}{}, g.gateway.Void(ctx, key)
	})
	return err
}

// Refund calls the gateway through the guard.
func (g *Gateway) Refund(ctx context.Context, back charging.RefundRequest) (charging.Receipt, error) {
	return call(ctx, g.Guard, "refund", func(ctx context.Context) (charging.Receipt, error) {
		return g.gateway.Refund(ctx, back)
	})
}
