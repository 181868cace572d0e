package audit

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
	"orderflow/domain/payment"
	"orderflow/infra/memory"
)

// TestReplayIsExactOrRefuses adds up money and units that may pass 64 bits,
// within one stretch and over several: a sum is right or an error of kind
// exhausted, never another figure.
func TestReplayIsExactOrRefuses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		captured, received := new(big.Int), new(big.Int)
		log := memory.New()
		add := func(i int, s eventlog.Stream, p eventlog.Pending, err error) {
			if err != nil {
				t.Fatal(err)
			}
			p.ID = eventlog.NewEventID(fmt.Sprint(i), s, 0)
			if _, err := log.Append(context.Background(), s, 0, p); err != nil {
				t.Fatal(err)
			}
		}
		for i := range rapid.IntRange(1, 6).Draw(t, "facts") {
			n := rapid.OneOf(rapid.Int64Range(0, domain.MaxTotalMinor), rapid.Int64Range(math.MaxInt64/3, math.MaxInt64)).Draw(t, "n")
			if rapid.Bool().Draw(t, "money") {
				captured.Add(captured, big.NewInt(n))
				p, err := payment.Codec.Encode(payment.Captured{Amount: domain.GBP(n)})
				add(i, payment.Stream(domain.OrderID(fmt.Sprint("o", i))), p, err)
				continue
			}
			received.Add(received, big.NewInt(n))
			p, err := inventory.Codec.Encode(inventory.Received{Receipt: "r", Units: []inventory.Units{{SKU: "a", Quantity: n}}})
			add(i, inventory.Stream(domain.Warehouse(fmt.Sprint("w", i))), p, err)
		}
		r, err := Replay(context.Background(), log, func(eventlog.Position, int64) {})
		if !captured.IsInt64() || !received.IsInt64() {
			if err == nil || domain.KindOf(err) != domain.Exhausted {
				t.Fatalf("captured %v, received %v: %+v, %v", captured, received, r, err)
			}
			return
		}
		if err != nil || r.CapturedMinor["GBP"] != captured.Int64() || r.Units.Received != received.Int64() {
			t.Fatalf("captured %v, received %v: %+v, %v", captured, received, r, err)
		}
	})
}

// TestTalliesThatDoNotFit are two stretches each of which fits.
func TestTalliesThatDoNotFit(t *testing.T) {
	half := func() *Tally {
		t := NewTally()
		t.captured["GBP"], t.refunded["GBP"], t.units.Committed = math.MaxInt64/2+1, 1, 1
		return t
	}
	all := half()
	if err := all.Add(half()); err == nil || domain.KindOf(err) != domain.Exhausted {
		t.Errorf("%v, %+v", err, all)
	}
}
