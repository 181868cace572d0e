package postgres

import (
	"context"
	"time"

	"orderflow/domain"
	"orderflow/projections"
	"orderflow/readmodels"
)

func salesView() view[projections.SalesKey, readmodels.SalesDay] {
	return view[projections.SalesKey, readmodels.SalesDay]{
		name: "sales", bind: bindSales, scan: scanSales,
		keyOf: func(d *readmodels.SalesDay) projections.SalesKey {
			return projections.SalesKey{Day: d.Day, Currency: d.Currency}
		},
		bindKey: func(to sink, k projections.SalesKey) { to.number(micros(k.Day)); to.text(k.Currency) },
		keyText: func(k projections.SalesKey) string { return k.Day.Format(time.DateOnly) + " " + k.Currency },
	}
}

func bindSales(to sink, d *readmodels.SalesDay) error {
	to.number(micros(d.Day))
	to.text(d.Currency)
	to.number(d.Placed)
	to.number(d.Orders)
	to.number(d.Units)
	to.number(d.RevenueMinor)
	to.number(d.RefundedMinor)
	to.number(d.Rejected)
	to.number(d.Cancelled)
	to.number(d.Position)
	return nil
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
