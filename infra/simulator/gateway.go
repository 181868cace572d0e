package simulator

import (
	"context"

	"orderflow/domain"
	"orderflow/sagas/charging"
)

type gateway struct {
	s    *Simulator
	name string
}

func (g gateway) Capture(ctx context.Context, c charging.Charge) (charging.Receipt, error) {
	row := Row{Op: Capture, Key: c.Key, Order: c.Order, Amount: c.Amount, Token: c.Token}
	if no := g.s.call(ctx, g.name, &row); no != nil {
		return charging.Receipt{}, paymentError(no)
	}
	return charging.Receipt{Reference: reference("ch_", g.name, c.Key), Amount: c.Amount}, nil
}

func (g gateway) Lookup(ctx context.Context, key string) (charging.Receipt, error) {
	row := Row{Op: Lookup, Key: key}
	if no := g.s.call(ctx, g.name, &row); no != nil {
		return charging.Receipt{}, paymentError(no)
	}
	return charging.Receipt{Reference: reference("ch_", g.name, key), Amount: row.Amount}, nil
}

func (g gateway) Void(ctx context.Context, key string) error {
	if no := g.s.call(ctx, g.name, &Row{Op: Void, Key: key}); no != nil {
		return paymentError(no)
	}
	return nil
}

func (g gateway) Refund(ctx context.Context, back charging.RefundRequest) (charging.Receipt, error) {
	row := Row{Op: Refund, Key: back.Key, Order: back.Order, Of: back.ChargeKey, Amount: back.Amount}
	if no := g.s.call(ctx, g.name, &row); no != nil {
		return charging.Receipt{}, paymentError(no)
	}
	return charging.Receipt{Reference: reference("re_", g.name, back.Key), Amount: back.Amount}, nil
}

// reference returns the provider's identifier of what happened under a key: the same
// for every repetition, and another one at another provider.
func reference(prefix, name, key string) string {
	if name == Default {
		return prefix + domain.Digest(prefix, key)
	}
	return prefix + domain.Digest(prefix, name, key)
}

func paymentError(no *refusal) error {
	return domain.Wrap(no.kind, charging.Failure{Reason: no.reason}, "The payment provider did not say yes")
}
