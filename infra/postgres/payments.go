package postgres

import (
	"context"

	"orderflow/domain"
	"orderflow/readmodels"
)

func paymentView() view[domain.OrderID, readmodels.Payment] {
	return view[domain.OrderID, readmodels.Payment]{
		name: "payments", bind: bindPayment, scan: scanPayment,
		keyOf:   func(p *readmodels.Payment) domain.OrderID { return p.Order },
		bindKey: func(to sink, k domain.OrderID) { to.text(string(k)) },
		keyText: func(k domain.OrderID) string { return string(k) },
	}
}

func bindPayment(to sink, p *readmodels.Payment) error {
	to.text(string(p.Order))
	to.text(string(p.Status))
	to.number(p.Amount.Minor)
	to.text(p.Amount.Currency)
	to.number(p.Captured.Minor)
	to.text(p.Captured.Currency)
	to.number(p.Refunded.Minor)
	to.text(p.Refunded.Currency)
	to.number(int64(p.Attempts))
	to.text(p.Gateway)
	to.text(p.Reference)
	to.text(p.Reason)
	to.number(micros(p.RetryAt))
	to.number(micros(p.UpdatedAt))
	to.number(p.Position)
	return nil
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
