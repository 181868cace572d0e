package commands_test

import (
	"strconv"
	"testing"

	"orderflow/commands"
	"orderflow/commands/aggregate/aggregatetest"
	"orderflow/domain"
	"orderflow/domain/inventory"
	"orderflow/infra/pebblelog"
)

// BenchmarkHotWarehouse is many orders of ten lines reserved at once in one
// warehouse, durably, on the embedded log.
func BenchmarkHotWarehouse(b *testing.B) {
	for _, writers := range []int{1, 16, 256} {
		b.Run(strconv.Itoa(writers), func(b *testing.B) {
			log, err := pebblelog.Open(b.TempDir(), pebblelog.Options{})
			aggregatetest.Must(b, err)
			defer log.Close() //nolint:errcheck // a temporary log
			l := commands.NewLocalSingleWriter(log, log)
			defer l.Close()
			units := make([]inventory.Units, 10)
			for i := range units {
				units[i] = inventory.Units{SKU: domain.SKU("sku " + strconv.Itoa(i)), Quantity: 1_000_000_000}
			}
			do(b, l, commands.ReceiveStock{Receipt: "r", Units: units})
			for i := range units {
				units[i].Quantity = 1
			}
			aggregatetest.Hot(b, writers, func(n int64) error {
				_, err := l.Send(ctx(), commands.ReserveStock{Order: domain.NewOrderID("c", strconv.FormatInt(n, 10)), Warehouse: "main", Units: units})
				return err
			}, l.Stock.Stats)
		})
	}
}
