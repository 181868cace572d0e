package order_test

import (
	"math"
	"math/big"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"orderflow/domain"
	"orderflow/domain/order"
)

// Over any sequence of decisions what is refunded is what the returned units
// cost, no line comes back more than it was bought, and what ended stays ended.
func TestOrderKeepsItsMoneyAndItsEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := placed
		p.Lines = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) order.Line {
			return order.Line{SKU: "s", Quantity: rapid.Int64Range(1, 9).Draw(t, "qty"), PriceMinor: rapid.Int64Range(0, 500).Draw(t, "price")}
		}), 1, 4).Draw(t, "lines")
		var s order.State
		var refunded int64
		for i := range rapid.IntRange(1, 30).Draw(t, "steps") {
			decide := decision(t, p, i)
			events, err := decide(s)
			before := s
			s = order.Decider.Fold(s, events...)
			if err != nil && len(events) > 0 {
				t.Fatalf("events beside %v", err)
			}
			if again, err2 := decide(s); err == nil && (err2 != nil || len(again) > 0) {
				t.Fatalf("deciding again: %+v, %v", again, err2)
			}
			if (before.Status == order.StatusRejected || before.Status == order.StatusCancelled) && len(events) > 0 {
				t.Fatalf("%s was followed by %+v", before.Status, events)
			}
			for _, e := range events {
				if r, ok := e.(order.LinesReturned); ok {
					refunded += r.Refund.Minor
				}
			}
			check(t, s, refunded)
		}
	})
}

func decision(t *rapid.T, p order.Placed, i int) order.Decision {
	switch rapid.IntRange(0, 9).Draw(t, "decision") {
	case 0, 1:
		return order.Place(p)
	case 2, 3:
		return order.Confirm(confirmed)
	case 4:
		return order.Reject(domain.OutOfStock, "")
	case 5:
		return order.RequestCancel(domain.CustomerAsked, "")
	case 6:
		return order.Cancel()
	}
	lines := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) order.ReturnedLine {
		return order.ReturnedLine{Line: rapid.IntRange(0, 4).Draw(t, "line"), Quantity: rapid.Int64Range(1, 5).Draw(t, "units")}
	}), 1, 3).Draw(t, "returned")
	return order.ReturnLines("r"+strconv.Itoa(i-rapid.IntRange(0, 2).Draw(t, "back")), lines, noon)
}

func check(t *rapid.T, s order.State, refunded int64) {
	var cost int64
	for i, l := range s.Lines {
		left := s.Returnable(i)
		if left < 0 || left > l.Quantity {
			t.Fatalf("line %d has %d of %d units left to return", i, left, l.Quantity)
		}
		cost += (l.Quantity - left) * l.PriceMinor
	}
	if cost != refunded || refunded > s.Total.Minor {
		t.Fatalf("refunded %d of %d for units of %d", refunded, s.Total.Minor, cost)
	}
}

// Whatever lines are asked for: what is taken costs what its lines cost, in
// numbers that cannot overflow, and no more than an order may.
func TestAnOrderThatIsTakenIsWithinTheLimits(t *testing.T) {
	price := rapid.OneOf(
		rapid.Int64Range(0, 500), rapid.Int64Range(0, domain.MaxPriceMinor+1), rapid.Int64(),
		rapid.SampledFrom([]int64{domain.MaxPriceMinor, domain.MaxPriceMinor + 1, math.MaxInt64}),
	)
	rapid.Check(t, func(t *rapid.T) {
		p, exact, within := placed, new(big.Int), true
		p.Lines = nil
		for range rapid.IntRange(1, 12).Draw(t, "lines") {
			l := order.Line{SKU: "s", Quantity: rapid.Int64Range(1, 20).Draw(t, "qty"), PriceMinor: price.Draw(t, "price")}
			p.Lines = append(p.Lines, l)
			exact.Add(exact, new(big.Int).Mul(big.NewInt(l.Quantity), big.NewInt(l.PriceMinor)))
			within = within && l.PriceMinor >= 0 && l.PriceMinor <= domain.MaxPriceMinor
		}
		within = within && exact.Cmp(big.NewInt(domain.MaxTotalMinor)) <= 0
		events, err := order.Place(p)(order.State{})
		switch {
		case !within && (err == nil || domain.KindOf(err) != domain.Invalid):
			t.Fatalf("%v was taken: %v", exact, err)
		case within && (err != nil || events[0].(order.Placed).Total != domain.GBP(exact.Int64())):
			t.Fatalf("%v was taken as %+v, %v", exact, events, err)
		}
	})
}
