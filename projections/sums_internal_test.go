package projections

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/inventory"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/infra/memory"
	"orderflow/readmodels"
)

// amounts are small ones, and those two of which pass 64 bits.
func amounts() *rapid.Generator[int64] {
	return rapid.OneOf(rapid.Int64Range(0, domain.MaxTotalMinor), rapid.Int64Range(math.MaxInt64/3, math.MaxInt64))
}

// Sums over a log are what they are in numbers that cannot overflow, or an
// error: never another figure.
func TestLogSumsAreExactOrRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		log := memory.New()
		add := func(s eventlog.Stream, p eventlog.Pending, err error) {
			if err != nil {
				t.Fatal(err)
			}
			p.ID = eventlog.NewEventID(string(s), s, 0)
			if _, err := log.Append(context.Background(), s, 0, p); err != nil {
				t.Fatal(err)
			}
		}
		want := map[string]*big.Int{}
		count := func(name string, n int64) {
			if want[name] == nil {
				want[name] = new(big.Int)
			}
			want[name].Add(want[name], big.NewInt(n))
		}
		for i := range rapid.IntRange(1, 6).Draw(t, "facts") {
			n := amounts().Draw(t, "n")
			id := domain.OrderID(fmt.Sprint("o", i))
			placed := func() { // a payment of an order that the log does not know counts for nothing
				p, err := order.Codec.Encode(order.Placed{Order: id, Total: domain.GBP(0)})
				add(order.Stream(id), p, err)
			}
			switch rapid.IntRange(0, 3).Draw(t, "fact") {
			case 0:
				count("orders.total.GBP", n)
				p, err := order.Codec.Encode(order.Placed{Order: id, Total: domain.GBP(n)})
				add(order.Stream(id), p, err)
			case 1:
				count("payments.captured.GBP", n)
				placed()
				p, err := payment.Codec.Encode(payment.Captured{Amount: domain.GBP(n)})
				add(payment.Stream(id), p, err)
			case 2:
				count("payments.refunded.GBP", n)
				placed()
				p, err := payment.Codec.Encode(payment.Refunded{Amount: domain.GBP(n)})
				add(payment.Stream(id), p, err)
			case 3:
				count("stock.received", n)
				p, err := inventory.Codec.Encode(inventory.Received{Receipt: string(id), Units: []inventory.Units{{SKU: "a", Quantity: n}}})
				add(inventory.Stream(domain.Warehouse(id)), p, err)
			}
		}
		fits := true
		for _, sum := range want {
			fits = fits && sum.IsInt64()
		}
		all := Group{Categories: []string{order.Category, payment.Category, inventory.Category}}
		sums, err := logSums(context.Background(), log, all, math.MaxInt64)
		switch {
		case fits && err != nil:
			t.Fatalf("%v fit, and yet %v", want, err)
		case !fits && (err == nil || domain.KindOf(err) != domain.Exhausted):
			t.Fatalf("%v do not fit, and yet %v, %v", want, sums, err)
		}
		for name, sum := range want {
			if fits && sums[name] != sum.Int64() {
				t.Fatalf("%s is %d, want %v", name, sums[name], sum)
			}
		}
	})
}

// A day's sales likewise, and what is refused leaves the day as it was.
func TestADaysSalesAreExactOrRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var d readmodels.SalesDay
		units, revenue := new(big.Int), new(big.Int)
		for range rapid.IntRange(1, 20).Draw(t, "orders") {
			u, minor := amounts().Draw(t, "units"), amounts().Draw(t, "minor")
			if rapid.Bool().Draw(t, "cancelled") {
				u, minor = -u, -minor
			}
			before := d
			moreUnits, moreRevenue := new(big.Int).Add(units, big.NewInt(u)), new(big.Int).Add(revenue, big.NewInt(minor))
			fits := moreUnits.IsInt64() && moreRevenue.IsInt64()
			switch err := sell(&d, event{}, u, minor); {
			case fits && err == nil:
				units, revenue = moreUnits, moreRevenue
			case fits || err == nil || domain.KindOf(err) != domain.Internal || d != before:
				t.Fatalf("%v units for %v: %v, %+v", moreUnits, moreRevenue, err, d)
			}
			if d.Units != units.Int64() || d.RevenueMinor != revenue.Int64() {
				t.Fatalf("%+v, want %v units for %v", d, units, revenue)
			}
		}
	})
}
