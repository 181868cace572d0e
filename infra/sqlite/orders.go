package sqlite

import (
	"context"
	"encoding/json"
	"math"
	"time"

	"orderflow/domain"
	"orderflow/readmodels"
)

func orderView() view[readmodels.Order] {
	return view[readmodels.Order]{
		name: "orders", bind: bindOrder, scan: scanOrder,
		key: func(o readmodels.Order) string { return string(o.ID) },
	}
}

func bindOrder(args []any, o *readmodels.Order) ([]any, error) {
	lines, err := json.Marshal(o.Lines)
	if err != nil {
		return nil, err
	}
	var returned int64
	for _, l := range o.Lines {
		returned += l.Returned
	}
	return append(args,
		string(o.ID), string(o.Customer), string(o.Warehouse), string(o.Status), string(o.Reason), o.Detail,
		string(lines), o.Units(), returned, o.Total.Currency, o.Total.Minor, o.Refunded.Minor,
		o.PaymentReference, o.Tracking, micros(o.EstimatedDelivery), o.Origin,
		micros(o.PlacedAt), micros(o.UpdatedAt), o.Version, o.Position,
	), nil
}

func scanOrder(s scanner) (o readmodels.Order, err error) {
	var (
		lines                       []byte
		units, returned             int64 // of the lines, for sums
		delivery, placedAt, updated int64
	)
	err = s.Scan(&o.ID, &o.Customer, &o.Warehouse, &o.Status, &o.Reason, &o.Detail,
		&lines, &units, &returned, &o.Total.Currency, &o.Total.Minor, &o.Refunded.Minor,
		&o.PaymentReference, &o.Tracking, &delivery, &o.Origin, &placedAt, &updated, &o.Version, &o.Position)
	if err != nil {
		return o, err
	}
	o.Refunded.Currency = o.Total.Currency
	o.EstimatedDelivery, o.PlacedAt, o.UpdatedAt = instant(delivery), instant(placedAt), instant(updated)
	return o, json.Unmarshal(lines, &o.Lines)
}

// Order implements [readmodels.Orders].
func (v *Views) Order(ctx context.Context, id domain.OrderID) (readmodels.Order, error) {
	o, err := one(ctx, v.orders, scanOrder, "orders_get", string(id))
	return o, named(err, "There is no order %s.", id)
}

// Orders implements [readmodels.Orders].
func (v *Views) Orders(ctx context.Context, q readmodels.OrderQuery) (readmodels.OrderPage, error) {
	from, until := int64(math.MinInt64), int64(math.MaxInt64)
	if !q.From.IsZero() {
		from = ceilMicros(q.From)
	}
	if !q.Until.IsZero() {
		until = ceilMicros(q.Until)
	}
	lastAt, lastID := int64(math.MaxInt64), ""
	if q.After != "" {
		at, id, err := readmodels.ParseOrderCursor(q.After)
		if err != nil {
			return readmodels.OrderPage{}, err
		}
		lastAt, lastID = micros(at), string(id)
	}
	limit := readmodels.PageRows(q.Limit)
	name, args := "orders_list", []any{from, until, lastAt, lastID, limit + 1}
	if q.Customer != "" {
		name, args = name+"_customer", append(args, string(q.Customer))
	}
	if q.Status != "" {
		name, args = name+"_status", append(args, string(q.Status))
	}
	rows, err := many(ctx, v.orders, scanOrder, name, args...)
	if err != nil {
		return readmodels.OrderPage{}, err
	}
	return readmodels.NewOrderPage(rows, limit), nil
}

// ceilMicros makes "at or after" and "before" mean the same for a bound of
// nanoseconds and rows of microseconds.
func ceilMicros(t time.Time) int64 {
	us := t.UnixMicro()
	if t.After(time.UnixMicro(us)) {
		us++
	}
	return us
}
