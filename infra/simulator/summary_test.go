package simulator_test

import (
	"math"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"orderflow/domain"
	"orderflow/infra/simulator"
)

// What a ledger adds up to is exact or an error of kind exhausted.
func TestReadLedgerIsExactOrRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), simulator.LedgerFile)
	rapid.Check(t, func(t *rapid.T) {
		sums := map[simulator.Op]*big.Int{simulator.Capture: new(big.Int), simulator.Refund: new(big.Int)}
		var lines []byte
		for i := range rapid.IntRange(1, 6).Draw(t, "rows") {
			op := rapid.SampledFrom([]simulator.Op{simulator.Capture, simulator.Refund}).Draw(t, "op")
			n := rapid.OneOf(rapid.Int64Range(0, domain.MaxTotalMinor), rapid.Int64Range(math.MaxInt64/3, math.MaxInt64)).Draw(t, "n")
			sums[op].Add(sums[op], big.NewInt(n))
			var err error
			lines, err = simulator.EncodeRow(lines, simulator.Row{
				Seq: int64(i) + 1, Provider: simulator.Payment, Op: op, Key: "k", Order: "o", Amount: domain.GBP(n), Effective: true, Reply: simulator.Sent,
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(path, lines, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := simulator.ReadLedger(path)
		captured, refunded := sums[simulator.Capture], sums[simulator.Refund]
		if !captured.IsInt64() || !refunded.IsInt64() {
			if err == nil || domain.KindOf(err) != domain.Exhausted {
				t.Fatalf("captured %v, refunded %v: %+v, %v", captured, refunded, got, err)
			}
			return
		}
		if err != nil || got.Captured["GBP"] != captured.Int64() || got.Refunded["GBP"] != refunded.Int64() || got.Orders["o"].Captured != captured.Int64() {
			t.Fatalf("captured %v, refunded %v: %+v, %v", captured, refunded, got, err)
		}
	})
}
