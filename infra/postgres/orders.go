package postgres

import (
	"context"
	"encoding/json"
	"math"
	"time"

	"orderflow/domain"
	"orderflow/readmodels"
)

func orderView() view[domain.OrderID, readmodels.Order] {
	return view[domain.OrderID, readmodels.Order]{
		name: "orders", bind: bindOrder, scan: scanOrder,
		keyOf:   func(o *readmodels.Order) domain.OrderID { return o.ID },
		bindKey: func(to sink, k domain.OrderID) { to.text(string(k)) },
		keyText: func(k domain.OrderID) string { return string(k) },
	}
}

func bindOrder(to sink, o *readmodels.Order) error {
	lines, err := json.Marshal(o.Lines)
	if err != nil {
		return err
	}
	var returned int64
	for _, l := range o.Lines {
		returned += l.Returned
	}
	to.text(string(o.ID))
	to.text(string(o.Customer))
	to.text(string(o.Warehouse))
	to.text(string(o.Status))
	to.text(string(o.Reason))
	to.text(o.Detail)
	to.text(string(lines))
	to.number(o.Units())
	to.number(returned)
	to.text(o.Total.Currency)
	to.number(o.Total.Minor)
	to.number(o.Refunded.Minor)
	to.text(o.PaymentReference)
	to.text(o.Tracking)
	to.number(micros(o.EstimatedDelivery))
	to.text(o.Origin)
	to.number(micros(o.PlacedAt))
	to.number(micros(o.UpdatedAt))
	to.number(o.Version)
	to.number(o.Position)
	return nil
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
