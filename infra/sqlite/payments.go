package sqlite

import (
	"context"

	"orderflow/domain"
	"orderflow/readmodels"
)

func paymentView() view[readmodels.Payment] {
	return view[readmodels.Payment]{
		name: "payments", bind: bindPayment, scan: scanPayment,
		key: func(p readmodels.Payment) string { return string(p.Order) },
	}
}

func bindPayment(args []any, p *readmodels.Payment) ([]any, error) {
	return append(args,
		string(p.Order), string(p.Order), string(p.Status), p.Amount.Minor, p.Amount.Currency, p.Captured.Minor, p.Captured.Currency,
		p.Refunded.Minor, p.Refunded.Currency, p.Attempts, p.Gateway, p.Reference, p.Reason,
		micros(p.RetryAt), micros(p.UpdatedAt), p.Position,
	), nil
}

func scanPayment(s scanner) (p readmodels.Payment, err error) {
	var retry, updated int64
	err = s.Scan(&p.Order, &p.Status, &p.Amount.Minor, &p.Amount.Currency, &p.Captured.Minor, &p.Captured.Currency,
		&p.Refunded.Minor, &p.Refunded.Currency, &p.Attempts, &p.Gateway, &p.Reference, &p.Reason,
		&retry, &updated, &p.Position)
	p.RetryAt, p.UpdatedAt = instant(retry), instant(updated)
	return p, err
}

// Payment implements [readmodels.Payments].
func (v *Views) Payment(ctx context.Context, id domain.OrderID) (readmodels.Payment, error) {
	p, err := one(ctx, v.orders, scanPayment, "payments_get", string(id))
	return p, named(err, "There is no payment of order %s.", id)
}
