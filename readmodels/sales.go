package readmodels

import (
	"context"
	"time"

	"orderflow/domain"
)

// SalesDay is what was sold in one currency among the orders placed on one
// day. Every figure counts on the day the order was placed, so that a replay
// gives the same figures whenever it runs.
type SalesDay struct {
	Day           time.Time // midnight UTC
	Currency      string
	Placed        int64 // orders placed
	Orders        int64 // orders that stand confirmed; one whose cancellation was asked for comes off again
	Units         int64 // of those
	RevenueMinor  int64 // of those, before refunds
	RefundedMinor int64 // given back for returned goods of those
	Rejected      int64 // orders that could not be fulfilled
	Cancelled     int64 // orders that were cancelled on request
	Position      int64 // of the last event that changed this row
}

// Conversion is the share of placed orders that stand confirmed, 0 to 1.
func (d SalesDay) Conversion() float64 {
	if d.Placed == 0 {
		return 0
	}
	return float64(d.Orders) / float64(d.Placed)
}

// Day cuts a time to midnight UTC.
func Day(t time.Time) time.Time {
	y, m, d := t.UTC().Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// MaxSalesDays bounds the rows of one answer: ten years in one currency.
const MaxSalesDays = 3_660

// Sales answers questions about sales.
type Sales interface {
	// Sales returns the days from the day of from until before the day of
	// until, oldest first, then by currency; at most [MaxSalesDays] rows, more is Exhausted.
	Sales(ctx context.Context, from, until time.Time) ([]SalesDay, error)
}

// SalesView describes the stored rows of sales.
var SalesView = NewView(
	Layout{
		Name: "sales",
		Sums: []Sum{
			{Name: "sales.placed", Column: "placed"},
			{Name: "sales.orders", Column: "orders"},
			{Name: "sales.rejected", Column: "rejected"},
			{Name: "sales.cancelled", Column: "cancelled"},
		},
	},
	Date("day", func(d *SalesDay) *time.Time { return &d.Day }).Key(),
	Text("currency", func(d *SalesDay) *string { return &d.Currency }).Key(),
	Number("placed", func(d *SalesDay) *int64 { return &d.Placed }),
	Number("orders", func(d *SalesDay) *int64 { return &d.Orders }),
	Number("units", func(d *SalesDay) *int64 { return &d.Units }),
	Number("revenue_minor", func(d *SalesDay) *int64 { return &d.RevenueMinor }),
	Number("refunded_minor", func(d *SalesDay) *int64 { return &d.RefundedMinor }),
	Number("rejected", func(d *SalesDay) *int64 { return &d.Rejected }),
	Number("cancelled", func(d *SalesDay) *int64 { return &d.Cancelled }),
	Number("position", func(d *SalesDay) *int64 { return &d.Position }),
)

// Sales implements [Sales].
func (r Reader) Sales(ctx context.Context, from, until time.Time) ([]SalesDay, error) {
	days, err := list(ctx, r, SalesView, Query{
		Where: []Condition{where("day", AtLeast, Day(from).UnixMicro()), where("day", Below, Day(until).UnixMicro())},
		Order: []string{"day", "currency"}, Limit: MaxSalesDays + 1,
	})
	if err == nil && len(days) > MaxSalesDays {
		return nil, domain.Errorf(domain.Exhausted, "The answer has more than %d rows; ask for fewer days.", MaxSalesDays)
	}
	return days, err
}
