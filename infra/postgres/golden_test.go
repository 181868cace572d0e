package postgres_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"orderflow/domain"
	"orderflow/infra/deploy/servicestest"
	"orderflow/projections"
	"orderflow/readmodels"
)

// TestStoredFormsAreGolden compares the columns of one row of each table, both
// as a batch and as a build write them, with what was stored before: a program of
// the same schema and fold must find its rows again.
func TestStoredFormsAreGolden(t *testing.T) {
	t.Parallel()
	url := servicestest.Postgres(t)
	v := open(t, url)
	at := func(us int) time.Time { return time.Date(2011, 3, 4, 5, 6, 7, us*1_000, time.UTC) }
	var mainRows readmodels.Rows
	readmodels.OrderView.Add(&mainRows, readmodels.Order{
		ID: "ord_1", Customer: "c", Warehouse: "main", Status: readmodels.OrderRejected, Reason: domain.OutOfStock, Detail: "d",
		Lines: []readmodels.OrderLine{{SKU: "s", Name: "n", Quantity: 3, PriceMinor: 255, Returned: 1}},
		Total: domain.GBP(765), Refunded: domain.GBP(255), PaymentReference: "p", Tracking: "t", EstimatedDelivery: at(1),
		Origin: "api", PlacedAt: at(2), UpdatedAt: at(3), Version: 4, Position: 5,
	})
	readmodels.PaymentView.Add(&mainRows, readmodels.Payment{
		Order: "ord_1", Status: readmodels.PaymentRefunding, Amount: domain.GBP(1), Captured: domain.GBP(2), Refunded: domain.GBP(3),
		Attempts: 4, Gateway: "g", Reference: "r", Reason: "x", RetryAt: at(4), UpdatedAt: at(5), Position: 6,
	})
	readmodels.FulfilmentView.Add(&mainRows, readmodels.Fulfilment{
		Order: "ord_1", Phase: readmodels.PhaseCompensating, Reason: domain.CustomerAsked, AttentionStep: "refund", AttentionReason: "gone",
		PendingReturns: 2, CancelAsked: true, StartedAt: at(6), UpdatedAt: at(7), QuietUntil: at(8), Position: 7,
	})
	readmodels.SalesView.Add(&mainRows, readmodels.SalesDay{Day: readmodels.Day(at(0)), Currency: "GBP", Placed: 1, Orders: 2, Units: 3, RevenueMinor: 4, RefundedMinor: 5, Rejected: 6, Cancelled: 7, Position: 8})
	stock := readmodels.StockView.Rows(readmodels.Stock{Warehouse: "main", SKU: "s", Received: 1, Adjusted: -2, Reserved: 3, Released: 4, Committed: 5, Returned: 6, Position: 7})
	products := readmodels.ProductView.Rows(readmodels.Product{SKU: "s", Name: "n", Price: domain.GBP(9), Listed: true, Version: 2, Position: 3})
	groups := map[string]readmodels.Rows{projections.Orders: mainRows, projections.Stock: stock, projections.Products: products}
	for group, rows := range groups {
		put(t, v, group, rows)
	}
	written := stored(t, url)
	if flag.Lookup("update").Value.String() == "true" { // the flag of eventlogtest
		if err := os.WriteFile("testdata/rows.golden", []byte(written), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile("testdata/rows.golden")
	if err != nil {
		t.Fatal(err)
	}
	if written != string(golden) {
		t.Errorf("a batch stores\n%s\nnot\n%s", written, golden)
	}
	for group, rows := range groups {
		build(t, v, group, rows)
	}
	if copied := stored(t, url); copied != string(golden) {
		t.Errorf("a build stores\n%s\nnot\n%s", copied, golden)
	}
}

// stored is every row that readers see, as text.
func stored(t *testing.T, url string) string {
	t.Helper()
	var all strings.Builder
	for _, service := range []string{"order", "inventory"} {
		c := connect(t, url, service)
		rows, err := c.Query(t.Context(), "SELECT schemaname || '.' || viewname FROM pg_views WHERE schemaname ~ '_live_' ORDER BY viewname")
		if err != nil {
			t.Fatal(err)
		}
		views, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		for _, view := range views {
			var row string
			if err := c.QueryRow(t.Context(), "SELECT to_json(v)::text FROM "+view+" AS v").Scan(&row); err != nil {
				t.Fatal(err)
			}
			_, name, _ := strings.Cut(view, ".")
			fmt.Fprintln(&all, name, row)
		}
	}
	return all.String()
}
