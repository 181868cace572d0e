package domain

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// Money is an amount in minor units (pence, cents) of one currency. It never
// overflows silently and amounts of two currencies never mix.
type Money struct {
	Minor    int64  `json:"minor"`    // in minor units; may be negative
	Currency string `json:"currency"` // ISO 4217, three capital letters
}

// GBP returns an amount in pence.
func GBP(minor int64) Money { return Money{Minor: minor, Currency: "GBP"} }

// Add returns m + o. Currencies that differ and sums that do not fit are Invalid.
// The zero Money takes the currency of the other side.
func (m Money) Add(o Money) (Money, error) {
	currency, err := m.shared(o)
	if err != nil {
		return Money{}, err
	}
	sum := m.Minor + o.Minor
	if (sum > m.Minor) != (o.Minor > 0) && o.Minor != 0 {
		return Money{}, errOverflow(m, "+", o)
	}
	return Money{Minor: sum, Currency: currency}, nil
}

// Sub returns m - o under the rules of [Money.Add].
func (m Money) Sub(o Money) (Money, error) {
	if o.Minor == math.MinInt64 {
		return Money{}, errOverflow(m, "-", o)
	}
	return m.Add(Money{Minor: -o.Minor, Currency: o.Currency})
}

// Mul returns m times n; a product that does not fit is Invalid.
func (m Money) Mul(n int64) (Money, error) {
	negative := (m.Minor < 0) != (n < 0)
	hi, lo := bits.Mul64(magnitude(m.Minor), magnitude(n))
	switch {
	case hi != 0, lo > math.MaxInt64+1, lo == math.MaxInt64+1 && !negative:
		return Money{}, errOverflow(m, "×", Money{Minor: n})
	case negative:
		return Money{Minor: -int64(lo), Currency: m.Currency}, nil //nolint:gosec // lo <= 1<<63 was checked; -int64(1<<63) is MinInt64
	}
	return Money{Minor: int64(lo), Currency: m.Currency}, nil
}

// IsZero says whether the amount is nought, in whatever currency.
func (m Money) IsZero() bool { return m.Minor == 0 }

// String writes the amount with two decimals, as in "12.50 GBP".
func (m Money) String() string {
	sign, n := "", magnitude(m.Minor)
	if m.Minor < 0 {
		sign = "-"
	}
	return fmt.Sprintf("%s%d.%02d %s", sign, n/100, n%100, m.Currency)
}

// CheckCurrency refuses what is not three capital letters.
func CheckCurrency(s string) error {
	if len(s) != 3 || strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return Errorf(Invalid, "Currency %q is not three capital letters such as GBP.", s)
	}
	return nil
}

// ParseMinor reads a decimal such as "2.55" as minor units (255). More than two
// decimals, exponents, blanks and amounts that do not fit are Invalid.
func ParseMinor(s string) (int64, error) {
	whole, frac, _ := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	frac = strings.TrimRight(frac, "0")
	if len(frac) > 2 {
		return 0, Errorf(Invalid, "%q has more than two decimals.", s)
	}
	frac += strings.Repeat("0", 2-len(frac))
	if whole == "" || strings.Trim(whole+frac, "0123456789") != "" {
		return 0, Errorf(Invalid, "%q is not a decimal amount.", s)
	}
	n, err := strconv.ParseInt(whole+frac, 10, 64)
	if err != nil {
		return 0, Errorf(Invalid, "%q does not fit an amount.", s)
	}
	if strings.HasPrefix(s, "-") {
		n = -n
	}
	return n, nil
}

func (m Money) shared(o Money) (string, error) {
	switch {
	case m == Money{}:
		return o.Currency, nil
	case o == Money{}, m.Currency == o.Currency:
		return m.Currency, nil
	}
	return "", Errorf(Invalid, "Amounts in %s and %s cannot be added.", m.Currency, o.Currency)
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return uint64(-(n + 1)) + 1
	}
	return uint64(n)
}

func errOverflow(a Money, op string, b Money) error {
	return Errorf(Invalid, "The amount %d %s %d is too large.", a.Minor, op, b.Minor)
}
