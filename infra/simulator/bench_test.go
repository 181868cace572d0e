package simulator_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"orderflow/infra/simulator"
)

// BenchmarkCapture is durable captures, by callers at once.
func BenchmarkCapture(b *testing.B) {
	for _, callers := range []int{1, 20, 64, 256} {
		b.Run(strconv.Itoa(callers), func(b *testing.B) {
			s, err := simulator.Open(b.TempDir(), simulator.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close() //nolint:errcheck // a benchmark
			var n atomic.Int64
			b.SetParallelism(max(callers/runtime.GOMAXPROCS(0), 1))
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := s.Gateway(simulator.Default).Capture(b.Context(), charge(fmt.Sprint("pay_ord_0123456789abcdefgh", n.Add(1)), "tok_visa", 100)); err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "captures/s")
		})
	}
}

// BenchmarkOpen is the replay of a ledger of 200,000 orders, and what is kept
// in memory of each.
func BenchmarkOpen(b *testing.B) {
	const orders = 200_000
	dir := b.TempDir()
	var lines []byte
	for n := range int64(orders) {
		key := fmt.Sprintf("pay_ord_0123456789abcdefgh%08d", n)
		row := simulator.Row{Seq: 2*n + 1, Time: time.Unix(n, 0).UTC(), Provider: simulator.Payment, Op: simulator.Capture, Key: key, Order: "ord_0123456789abcdefgh00000000", Amount: charge(key, "", 100).Amount, Token: "tok_visa", Effective: true, Result: "captured", Reply: simulator.Sent}
		lines, _ = simulator.EncodeRow(lines, row)
		row = simulator.Row{Seq: 2*n + 2, Time: time.Unix(n, 0).UTC(), Provider: simulator.Shipping, Op: simulator.Book, Key: key, Order: row.Order, Warehouse: "main", Units: 20, Effective: true, Result: "booked", Reply: simulator.Sent}
		lines, _ = simulator.EncodeRow(lines, row)
	}
	if err := os.WriteFile(filepath.Join(dir, simulator.LedgerFile), lines, 0o600); err != nil {
		b.Fatal(err)
	}
	size := len(lines)
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		s, err := simulator.Open(dir, simulator.Options{})
		if err != nil {
			b.Fatal(err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/orders, "B/order")
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(2*orders*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(size)/(2*orders), "B/row")
}
