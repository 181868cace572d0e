package projections_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/projections"
	"orderflow/projections/projectionstest"
)

// greatSale is an order as an old log may hold it, from before totals had a limit.
func greatSale(id domain.OrderID, events ...order.Event) (facts []projectionstest.Fact) {
	placed := order.Placed{
		Order: id, Customer: "c", Warehouse: domain.DefaultWarehouse, Total: domain.GBP(math.MaxInt64), PlacedAt: projectionstest.Start(),
		Lines: []order.Line{{SKU: "palace", Quantity: 1, PriceMinor: math.MaxInt64}},
	}
	for _, e := range append([]order.Event{placed}, events...) {
		facts = append(facts, projectionstest.Of(order.Stream(id), order.Codec, e))
	}
	return facts
}

// Two sales that together pass 64 bits stop the view with a sentence; it does
// not tell a negative revenue.
func TestRevenueThatDoesNotFitIsAnError(t *testing.T) {
	n := newNode(t)
	n.append(greatSale("great-1", order.Confirmed{})...)
	n.caughtUp(t)
	n.append(greatSale("great-2", order.Confirmed{})...)
	status := stopped(t, n)
	if !strings.Contains(status.Error, "the revenue of the day does not fit") {
		t.Errorf("the view stopped with %q", status.Error)
	}
	day := projectionstest.Start().Truncate(24 * time.Hour)
	days, err := n.views.Sales(t.Context(), day, day.AddDate(0, 0, 1))
	if err != nil || len(days) != 1 || days[0].RevenueMinor != math.MaxInt64 {
		t.Errorf("sales are %+v, %v", days, err)
	}
}

// Captures that pass 64 bits leave the views standing, each of whose rows is
// right; verification says that their sum cannot be told.
func TestSumsThatDoNotFitAreAnError(t *testing.T) {
	n := newNode(t)
	for _, id := range []domain.OrderID{"great-1", "great-2"} {
		n.append(greatSale(id)[0])
		for _, e := range []payment.Event{
			payment.AttemptStarted{Attempt: 1, Gateway: "g", Key: "k", Amount: domain.GBP(math.MaxInt64)},
			payment.Captured{Gateway: "g", Reference: "r", Amount: domain.GBP(math.MaxInt64)},
		} {
			n.append(projectionstest.Of(payment.Stream(id), payment.Codec, e))
		}
	}
	n.caughtUp(t)
	report, err := n.Verify(t.Context(), projections.Orders, nil)
	if err == nil {
		t.Errorf("verified: %v, %v", report.Sums, report.Differences)
	}
}

func stopped(t *testing.T, n *node) projections.Status {
	t.Helper()
	for {
		all, err := n.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range all {
			if s.Group == projections.Orders && s.State == projections.Broken {
				return s
			}
		}
		if err := n.Await(t.Context(), projections.Orders, n.last); err == nil {
			t.Fatalf("the view took everything: %+v", all)
		}
	}
}
