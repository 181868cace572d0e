package domain_test

import (
	"maps"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"orderflow/domain"
)

// The arithmetic of the limits, in numbers that cannot overflow.
func TestLimitsOnMoneyFitTogether(t *testing.T) {
	line := new(big.Int).Mul(big.NewInt(domain.MaxPriceMinor), big.NewInt(domain.MaxQuantity))
	lineAndTotal := new(big.Int).Add(line, big.NewInt(domain.MaxTotalMinor))
	if !lineAndTotal.IsInt64() {
		t.Errorf("one line of %v passes 64 bits before its order is judged", line)
	}
	const orders = 9_000_000
	if sum := new(big.Int).Mul(big.NewInt(domain.MaxTotalMinor), big.NewInt(orders)); !sum.IsInt64() {
		t.Errorf("%d orders of the greatest total come to %v", orders, sum)
	}
}

func TestCheckPriceAndTotal(t *testing.T) {
	for _, tc := range []struct {
		name  string
		check func(int64) error
		most  int64
	}{
		{"price", func(n int64) error { return domain.CheckPrice("The price", domain.GBP(n)) }, domain.MaxPriceMinor},
		{"total", func(n int64) error { return domain.CheckTotal("The total", domain.GBP(n)) }, domain.MaxTotalMinor},
	} {
		for _, n := range []int64{0, 1, tc.most} {
			if err := tc.check(n); err != nil {
				t.Errorf("%s %d: %v", tc.name, n, err)
			}
		}
		for _, n := range []int64{-1, math.MinInt64, tc.most + 1, math.MaxInt64} {
			if err := tc.check(n); err == nil || domain.KindOf(err) != domain.Invalid {
				t.Errorf("%s %d: %v", tc.name, n, err)
			}
		}
	}
}

func TestSumAgreesWithTheOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := minor().Draw(t, "a"), minor().Draw(t, "b")
		want := new(big.Int).Add(big.NewInt(a), big.NewInt(b))
		got, err := domain.Sum(a, b)
		switch {
		case want.IsInt64() && (err != nil || got != want.Int64()):
			t.Fatalf("%d + %d = %d, %v; want %v", a, b, got, err, want)
		case !want.IsInt64() && (err == nil || domain.KindOf(err) != domain.Exhausted):
			t.Fatalf("%d + %d = %d, %v; want an overflow", a, b, got, err)
		}
	})
}

// Over any sequence a total is the sum of what was taken, and what does not
// fit changes nothing.
func TestAccumulateNeverTellsAWrongFigure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sums, exact := map[string]int64{}, map[string]*big.Int{}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			name, n := rapid.SampledFrom([]string{"GBP", "EUR"}).Draw(t, "name"), minor().Draw(t, "n")
			if exact[name] == nil {
				exact[name] = new(big.Int)
			}
			before, next := maps.Clone(sums), new(big.Int).Add(exact[name], big.NewInt(n))
			switch err := domain.Accumulate(sums, name, n); {
			case next.IsInt64() && err == nil:
				exact[name] = next
			case next.IsInt64() || err == nil || domain.KindOf(err) != domain.Exhausted:
				t.Fatalf("%v + %d: %v", exact[name], n, err)
			case !maps.Equal(before, sums):
				t.Fatalf("%v became %v though %v", before, sums, err)
			}
			if sums[name] != exact[name].Int64() {
				t.Fatalf("%d is told, it is %v", sums[name], exact[name])
			}
		}
	})
}
