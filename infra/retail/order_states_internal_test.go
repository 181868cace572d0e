package retail

import (
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/fulfilment"
	"orderflow/domain/order"
	"orderflow/domain/payment"
)

// What an import reports is exact or refused: never a figure that wrapped.
func TestTheReportIsExactOrRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, captured, refunded, fits := orderStates{}, new(big.Int), new(big.Int), true
		for i := range rapid.IntRange(1, 6).Draw(t, "payments") {
			id := domain.OrderID(fmt.Sprint("o", i%3))
			if l[id] == nil {
				l[id] = &orderProgress{status: order.StatusConfirmed}
			}
			n := rapid.OneOf(rapid.Int64Range(0, domain.MaxTotalMinor), rapid.Int64Range(math.MaxInt64/3, math.MaxInt64)).Draw(t, "n")
			var e payment.Event = payment.Captured{Amount: domain.GBP(n)}
			sum := captured
			if rapid.Bool().Draw(t, "refund") {
				e, sum = payment.Refunded{Amount: domain.GBP(n)}, refunded
			}
			sum.Add(sum, big.NewInt(n))
			if err := l[id].seePayment(e); err != nil {
				if fits = false; domain.KindOf(err) != domain.Exhausted {
					t.Fatal(err)
				}
				break
			}
		}
		if !fits {
			if captured.IsInt64() && refunded.IsInt64() {
				t.Fatalf("captured %v and refunded %v fit", captured, refunded)
			}
			return
		}
		r, err := l.report(History{}, 0)
		if !captured.IsInt64() || !refunded.IsInt64() {
			if err == nil || domain.KindOf(err) != domain.Exhausted {
				t.Fatalf("captured %v, refunded %v: %+v, %v", captured, refunded, r, err)
			}
			return
		}
		if err != nil || r.Captured[Currency] != captured.Int64() || r.Refunded[Currency] != refunded.Int64() {
			t.Fatalf("captured %v, refunded %v: %+v, %v", captured, refunded, r, err)
		}
	})
}

// TestEveryEventIsCounted fails for an event that nobody decided how to count.
func TestEveryEventIsCounted(t *testing.T) {
	types := map[string][]string{
		order.Category:      slices.Collect(maps.Keys(order.Codec)),
		fulfilment.Category: slices.Collect(maps.Keys(fulfilment.Codec)),
		payment.Category:    slices.Collect(maps.Keys(payment.Codec)),
	}
	for category, all := range types {
		for _, name := range all {
			r := eventlog.Recorded{Stream: eventlog.Stream(category + "-o1"), Type: name, Data: []byte("{}")}
			if _, err := (orderStates{"o1": {}}).see(r); err != nil {
				t.Error(err)
			}
		}
	}
}
