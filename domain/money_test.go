package domain_test

import (
	"math"
	"testing"

	"github.com/govalues/decimal"
	"github.com/govalues/money"
	"pgregory.net/rapid"

	"orderflow/domain"
)

// The oracle counts in decimals of 19 digits, so every int64 fits; sums and
// products that pass int64 are told apart by asking for minor units.

func minor() *rapid.Generator[int64] {
	return rapid.OneOf(
		rapid.Int64(), rapid.Int64Range(-1_000_000, 1_000_000),
		rapid.SampledFrom([]int64{math.MinInt64, math.MinInt64 + 1, -1, 0, 1, math.MaxInt64 - 1, math.MaxInt64}),
	)
}

func oracle(t *rapid.T, n int64) money.Amount {
	a, err := money.NewAmountFromMinorUnits("GBP", n)
	if err != nil {
		t.Fatalf("the oracle refuses %d: %v", n, err)
	}
	return a
}

func compare(t *rapid.T, got domain.Money, err error, want money.Amount, wantErr error) {
	t.Helper()
	units, fits := int64(0), false
	if wantErr == nil {
		units, fits = want.MinorUnits()
	}
	switch {
	case fits && err != nil:
		t.Fatalf("err = %v, want %d", err, units)
	case fits && got != domain.GBP(units):
		t.Fatalf("got %d, want %d", got.Minor, units)
	case !fits && (err == nil || domain.KindOf(err) != domain.Invalid):
		t.Fatalf("got %v, %v; want an overflow", got, err)
	}
}

func TestAddAgreesWithTheOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := minor().Draw(t, "a"), minor().Draw(t, "b")
		got, err := domain.GBP(a).Add(domain.GBP(b))
		want, wantErr := oracle(t, a).Add(oracle(t, b))
		compare(t, got, err, want, wantErr)
	})
}

func TestSubAgreesWithTheOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := minor().Draw(t, "a"), minor().Filter(func(n int64) bool { return n != math.MinInt64 }).Draw(t, "b")
		got, err := domain.GBP(a).Sub(domain.GBP(b))
		want, wantErr := oracle(t, a).Sub(oracle(t, b))
		compare(t, got, err, want, wantErr)
	})
}

func TestMulAgreesWithTheOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, n := minor().Draw(t, "a"), minor().Draw(t, "n")
		factor, err := decimal.New(n, 0)
		if err != nil {
			t.Fatal(err)
		}
		got, err := domain.GBP(a).Mul(n)
		want, wantErr := oracle(t, a).Mul(factor)
		compare(t, got, err, want, wantErr)
	})
}

func TestCurrenciesDoNotMix(t *testing.T) {
	eur := domain.Money{Minor: 1, Currency: "EUR"}
	if _, err := domain.GBP(1).Add(eur); domain.KindOf(err) != domain.Invalid {
		t.Errorf("err = %v", err)
	}
	if got, err := (domain.Money{}).Add(eur); err != nil || got != eur {
		t.Errorf("nothing + 0.01 EUR = %v, %v", got, err)
	}
	if got, err := eur.Sub(domain.Money{}); err != nil || got != eur {
		t.Errorf("0.01 EUR - nothing = %v, %v", got, err)
	}
}

func TestMoneyReadsAsTheOracleWritesIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := minor().Draw(t, "n")
		text := oracle(t, n).Decimal().String()
		if got := domain.GBP(n).String(); got != text+" GBP" {
			t.Fatalf("%d is written %q, want %q", n, got, text+" GBP")
		}
		if n == math.MinInt64 {
			return // amounts are read up to what can be negated
		}
		if got, err := domain.ParseMinor(text); err != nil || got != n {
			t.Fatalf("ParseMinor(%q) = %d, %v; want %d", text, got, err, n)
		}
	})
}

func TestParseMinor(t *testing.T) {
	for s, want := range map[string]int64{
		"0": 0, "1": 100, "2.5": 250, "2.55": 255, "2.5500": 255, "-2.55": -255, "007.10": 710, "0.01": 1, "5.": 500,
		"92233720368547758.07": math.MaxInt64,
	} {
		if got, err := domain.ParseMinor(s); err != nil || got != want {
			t.Errorf("ParseMinor(%q) = %d, %v; want %d", s, got, err, want)
		}
	}
	for _, s := range []string{
		"", "-", ".", ".5", "1.234", "0.001", "1e3", " 1", "1 ", "+1", "--1", "1,5", "1.2.3", "0x10", "NaN", "\u0661", "1_000",
		"92233720368547758.08", "999999999999999999999",
	} {
		if got, err := domain.ParseMinor(s); err == nil || domain.KindOf(err) != domain.Invalid {
			t.Errorf("ParseMinor(%q) = %d, %v; want it refused", s, got, err)
		}
	}
}

func FuzzParseMinor(f *testing.F) {
	for _, s := range []string{"2.55", "-0.10", "92233720368547758.07", "1e5", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := domain.ParseMinor(s)
		if err != nil {
			return
		}
		want, err := money.ParseAmount("GBP", s)
		if err != nil {
			t.Fatalf("ParseMinor(%q) = %d, the oracle says %v", s, n, err)
		}
		if units, ok := want.MinorUnits(); !ok || units != n {
			t.Fatalf("ParseMinor(%q) = %d, want %d", s, n, units)
		}
	})
}

func TestCheckCurrency(t *testing.T) {
	if err := domain.CheckCurrency("GBP"); err != nil {
		t.Error(err)
	}
	for _, s := range []string{"", "gbp", "GB", "GBPX", "G P", "\u00c4BC"} {
		if domain.KindOf(domain.CheckCurrency(s)) != domain.Invalid || domain.CheckCurrency(s) == nil {
			t.Errorf("%q passed", s)
		}
	}
}
