package simulator

import (
	"context"

	"orderflow/domain"
	"orderflow/sagas/charging"
)

type gateway struct{ s *Simulator }

func (g gateway) Capture(ctx context.Context, c charging.Charge) (charging.Receipt, error) {
	row := Row{Op: Capture, Key: c.Key, Order: c.Order, Amount: c.Amount, Token: c.Token}
	if no := g.s.call(ctx, &row); no != nil {
		return charging.Receipt{}, paymentError(no)
	}
	return charging.Receipt{Reference: reference("ch_", c.Key), Amount: c.Amount}, nil
}

func (g gateway) Lookup(ctx context.Context, key string) (charging.Receipt, error) {
	row := Row{Op: Lookup, Key: key}
	if no := g.s.call(ctx, &row); no != nil {
		return charging.Receipt{}, paymentError(no)
	}
	return charging.Receipt{Reference: reference("ch_", key), Amount: row.Amount}, nil
}

func (g gateway) Void(ctx context.Context, key string) error {
	if no := g.s.call(ctx, &Row{Op: Void, Key: key}); no != nil {
		return paymentError(no)
	}
	return nil
}

func (g gateway) Refund(ctx context.Context, back charging.RefundRequest) (charging.Receipt, error) {
	row := Row{Op: Refund, Key: back.Key, Order: back.Order, Of: back.ChargeKey, Amount: back.Amount}
	if no := g.s.call(ctx, &row); no != nil {
		return charging.Receipt{}, paymentError(no)
	}
	return charging.Receipt{Reference: reference("re_", back.Key), Amount: back.Amount}, nil
}

// reference returns the provider's name for what happened under a key: the same
// whenever it is asked.
func reference(prefix, key string) string { return prefix + domain.Digest(prefix, key) }

func paymentError(no *refusal) error {
	return domain.Wrap(no.kind, charging.Failure{Reason: no.reason}, "The payment provider did not say yes")
}
