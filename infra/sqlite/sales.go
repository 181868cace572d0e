package sqlite

import (
	"context"
	"time"

	"orderflow/domain"
	"orderflow/readmodels"
)

func salesView() view[readmodels.SalesDay] {
	return view[readmodels.SalesDay]{
		name: "sales", bind: bindSales, scan: scanSales,
		key: func(d readmodels.SalesDay) string { return d.Day.Format(time.DateOnly) + " " + d.Currency },
	}
}

func bindSales(args []any, d *readmodels.SalesDay) ([]any, error) {
	return append(args,
		micros(d.Day), d.Currency, d.Placed, d.Orders, d.Units, d.RevenueMinor, d.RefundedMinor, d.Rejected, d.Cancelled, d.Position,
	), nil
}

func scanSales(s scanner) (d readmodels.SalesDay, err error) {
	var day int64
	err = s.Scan(&day, &d.Currency, &d.Placed, &d.Orders, &d.Units, &d.RevenueMinor, &d.RefundedMinor, &d.Rejected, &d.Cancelled, &d.Position)
	d.Day = instant(day)
	return d, err
}

// Sales implements [readmodels.Sales].
func (v *Views) Sales(ctx context.Context, from, until time.Time) ([]readmodels.SalesDay, error) {
	days, err := many(ctx, v.orders, scanSales, "sales_range",
		micros(readmodels.Day(from)), micros(readmodels.Day(until)), readmodels.MaxSalesDays+1)
	if err == nil && len(days) > readmodels.MaxSalesDays {
		return nil, domain.Errorf(domain.Exhausted, "The answer has more than %d rows; ask for fewer days.", readmodels.MaxSalesDays)
	}
	return days, err
}
