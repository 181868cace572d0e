package redis_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/infra/deploy/servicestest"
	"orderflow/projections"
	"orderflow/projections/projectionstest"
	"orderflow/readmodels"
)

var update = flag.Bool("update", false, "write testdata/stored.golden anew; a line that changes needs another form in keys.go")

// TestStoredForms holds keys and values to those of earlier programs, which
// run at the same time while a fleet is renewed.
func TestStoredForms(t *testing.T) {
	at := time.Date(2011, 3, 4, 5, 6, 7, 8_000, time.UTC)
	o := readmodels.Order{
		ID: "ord_1", Customer: "c'1", Warehouse: "main", Status: readmodels.OrderRejected, Reason: domain.OutOfStock, Detail: "so \"short\"",
		Lines: []readmodels.OrderLine{{SKU: "BANK CHARGES", Name: "ü", Quantity: 3, PriceMinor: 255, Returned: 1}},
		Total: domain.GBP(765), Refunded: domain.GBP(255), PaymentReference: "p", Tracking: "t", EstimatedDelivery: at.Add(1),
		Origin: "import", PlacedAt: at, UpdatedAt: at.Add(time.Hour), Version: 3, Position: 42,
	}
	s := readmodels.Stock{Warehouse: "main", SKU: "a b", Received: 1, Adjusted: -2, Reserved: 3, Released: 4, Committed: 5, Returned: 6, Position: 7}
	prefix := servicestest.Prefix()
	r, c := openAs(t, prefix, patient, servicestest.Redis(t)), bare(t, servicestest.Redis(t))
	r.Mirror().Wrote(projections.Orders, projections.Batch{To: projectionstest.At(42), Rows: readmodels.OrderView.Rows(o)})
	r.Mirror().Wrote(projections.Stock, projections.Batch{To: projectionstest.At(7), Rows: readmodels.StockView.Rows(s)})
	eventually(t, "mirrored", func() bool { return r.Stats().Mirrored == 2 })

	// The name of a fold is no form of ours: it follows from what the fold does.
	var have []string
	names := strings.NewReplacer(prefix, "<prefix>", ":"+foldOf(t, projections.Orders)+":", ":<fold>:", ":"+foldOf(t, projections.Stock)+":", ":<fold>:")
	show := func(key, value, epoch string) {
		value = strings.ReplaceAll(value, epoch, "<epoch>")
		have = append(have, names.Replace(key)+" = "+value)
	}
	ctx := t.Context()
	state, row := r.OrderKeys("ord_1")
	epoch := c.Get(ctx, state).Val()[:16]
	show(state, c.Get(ctx, state).Val(), epoch)
	show(row, c.Get(ctx, row).Val(), epoch)
	state, row, figure := r.StockKeys("main", "a b")
	epoch = c.Get(ctx, state).Val()[:16]
	show(state, c.Get(ctx, state).Val(), epoch)
	show(row, c.Get(ctx, row).Val(), epoch)
	fields := c.HGetAll(ctx, figure).Val()
	show(figure, fmt.Sprint(fields), epoch)

	const file = "testdata/stored.golden"
	if *update {
		if err := os.WriteFile(file, []byte(strings.Join(have, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Split(strings.TrimSpace(string(text)), "\n"); !slices.Equal(have, want) {
		t.Errorf("have\n%s\nwant\n%s", strings.Join(have, "\n"), text)
	}
}

// foldOf returns the name of a group's fold.
func foldOf(t *testing.T, group string) string {
	t.Helper()
	for _, g := range projections.Groups() {
		if g.Name == group {
			return g.FoldVersion()
		}
	}
	t.Fatalf("there is no group %s", group)
	return ""
}
