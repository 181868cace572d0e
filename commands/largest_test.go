package commands_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"orderflow/commands"
	"orderflow/commands/aggregate/aggregatetest"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/inventory"
	"orderflow/domain/order"
	"orderflow/infra/pebblelog"
)

// The largest order there can be: every line has the longest names, in letters
// that JSON writes as six bytes each. The embedded log takes it, the warehouse
// too, and after a restart it reads as it was placed.
func TestLargestOrderOnTheEmbeddedLog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	log, err := pebblelog.Open(dir, pebblelog.Options{})
	aggregatetest.Must(t, err)
	l := commands.NewLocal(log, log)
	price := int64(domain.MaxTotalMinor / domain.MaxLines / domain.MaxQuantity)
	c := commands.PlaceOrder{
		Customer: "17850", IdempotencyKey: strings.Repeat("<", domain.MaxNameBytes), PaymentToken: strings.Repeat("&", domain.MaxNameBytes),
		PlacedAt: noon, History: &commands.History{Currency: "GBP"},
	}
	units := make([]inventory.Units, domain.MaxLines)
	for i := range domain.MaxLines {
		number := fmt.Sprint(i)
		sku := domain.SKU(strings.Repeat("<", domain.MaxNameBytes-len(number)) + number)
		c.Lines = append(c.Lines, commands.OrderLine{
			SKU: sku, Name: strings.Repeat("<", domain.MaxTextBytes), Quantity: domain.MaxQuantity, PriceMinor: &price,
		})
		units[i] = inventory.Units{SKU: sku, Quantity: domain.MaxQuantity}
	}
	do(t, l, c)
	do(t, l, commands.ReceiveStock{Receipt: "r", Units: units})
	if r := do(t, l, commands.ReserveStock{Order: c.OrderID(), Warehouse: domain.DefaultWarehouse, Units: units}); len(r.Short) > 0 {
		t.Fatalf("%d articles are short", len(r.Short))
	}
	l.Close()
	aggregatetest.Must(t, log.Close())

	log, err = pebblelog.Open(dir, pebblelog.Options{})
	aggregatetest.Must(t, err)
	defer log.Close() //nolint:errcheck // it was only read
	l = commands.NewLocal(log, log)
	defer l.Close()
	s, version, err := l.Orders.Load(ctx(), order.Stream(c.OrderID()))
	if err != nil || version != 1 || len(s.Lines) != domain.MaxLines || s.Total != domain.GBP(domain.MaxTotalMinor) {
		t.Fatalf("%d lines, total %v, version %d, %v", len(s.Lines), s.Total, version, err)
	}
	for i, line := range s.Lines {
		if line.SKU != c.Lines[i].SKU || line.Name != c.Lines[i].Name {
			t.Fatalf("line %d reads as %q, %q", i, line.SKU, line.Name)
		}
	}
	if again := do(t, l, c); again.Events != 0 {
		t.Errorf("placed again: %+v", again)
	}
	largest := 0
	for r, err := range log.ReadAll(ctx(), 0) {
		aggregatetest.Must(t, err)
		largest = max(largest, len(r.Data))
	}
	if largest < 7<<20 || largest > eventlog.MaxEventBytes { // else this is no longer the largest order
		t.Errorf("the largest event has %d bytes", largest)
	}
}
