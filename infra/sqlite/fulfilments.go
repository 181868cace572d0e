package sqlite

import (
	"context"
	"time"

	"orderflow/domain"
	"orderflow/readmodels"
)

func fulfilmentView() view[readmodels.Fulfilment] {
	return view[readmodels.Fulfilment]{
		name: "fulfilments", bind: bindFulfilment, scan: scanFulfilment,
		key: func(f readmodels.Fulfilment) string { return string(f.Order) },
	}
}

func bindFulfilment(args []any, f *readmodels.Fulfilment) ([]any, error) {
	return append(args,
		string(f.Order), string(f.Order), string(f.Phase), string(f.Reason), f.AttentionStep, f.AttentionReason, f.PendingReturns,
		f.CancelAsked, f.Finished, micros(f.StartedAt), micros(f.UpdatedAt), micros(f.QuietUntil), f.Position,
	), nil
}

func scanFulfilment(s scanner) (f readmodels.Fulfilment, err error) {
	var started, updated, quiet int64
	err = s.Scan(&f.Order, &f.Phase, &f.Reason, &f.AttentionStep, &f.AttentionReason, &f.PendingReturns,
		&f.CancelAsked, &f.Finished, &started, &updated, &quiet, &f.Position)
	f.StartedAt, f.UpdatedAt, f.QuietUntil = instant(started), instant(updated), instant(quiet)
	return f, err
}

// Fulfilment implements [readmodels.Fulfilments].
func (v *Views) Fulfilment(ctx context.Context, id domain.OrderID) (readmodels.Fulfilment, error) {
	f, err := one(ctx, v.orders, scanFulfilment, "fulfilments_get", string(id))
	return f, named(err, "There is no order %s.", id)
}

// Standing implements [readmodels.Fulfilments].
func (v *Views) Stalled(ctx context.Context, before time.Time, limit int) ([]domain.OrderID, error) {
	id := func(s scanner) (id domain.OrderID, err error) {
		err = s.Scan(&id)
		return id, err
	}
	return many(ctx, v.orders, id, "fulfilments_standing", ceilMicros(before), limit)
}

// NeedingAttention implements [readmodels.Fulfilments].
func (v *Views) NeedingAttention(ctx context.Context, limit int) ([]readmodels.Fulfilment, error) {
	return many(ctx, v.orders, scanFulfilment, "fulfilments_attention", limit)
}

// Unfinished implements [readmodels.Fulfilments].
func (v *Views) Unfinished(ctx context.Context) (open, attention int64, err error) {
	counts, err := one(ctx, v.orders, func(s scanner) (n [2]int64, err error) {
		err = s.Scan(&n[0], &n[1])
		return n, err
	}, "fulfilments_unfinished")
	return counts[0], counts[1], err
}
