package domain

import "math"

// Limits on money, in minor units of whatever currency. They stand where facts
// enter, so that sums over facts fit:
//
//	MaxPriceMinor × MaxQuantity = 10^11 × 10^5 = 10^16   one line before its order is judged: fits
//	MaxTotalMinor               = 10^12                  one order, one capture, all refunds of one order
//	2^63 / MaxTotalMinor        > 9.2 × 10^6             orders of the greatest total that any sum can hold
//
// A sum over a billion orders fits as long as they come to 92 million major
// units each on average. Sums over many orders are kept with [Accumulate] or
// [Sum] all the same: a log may hold facts from before these limits.
const (
	// MaxPriceMinor bounds the price of one unit: a thousand million pounds.
	MaxPriceMinor = 100_000_000_000
	// MaxTotalMinor bounds what one order comes to, and so every capture and
	// refund of it: ten thousand million pounds.
	MaxTotalMinor = 1_000_000_000_000
)

// CheckPrice refuses the price of one unit that is negative or above
// [MaxPriceMinor], as Invalid.
func CheckPrice(what string, p Money) error {
	switch {
	case p.Minor < 0:
		return Errorf(Invalid, "%s cannot be negative.", what)
	case p.Minor > MaxPriceMinor:
		return Errorf(Invalid, "%s is %s; at most %s is allowed.", what, p, Money{Minor: MaxPriceMinor, Currency: p.Currency})
	}
	return nil
}

// CheckTotal refuses an amount over a whole order that is negative or above
// [MaxTotalMinor], as Invalid.
func CheckTotal(what string, m Money) error {
	switch {
	case m.Minor < 0:
		return Errorf(Invalid, "%s cannot be negative.", what)
	case m.Minor > MaxTotalMinor:
		return Errorf(Invalid, "%s is %s; at most %s is allowed.", what, m, Money{Minor: MaxTotalMinor, Currency: m.Currency})
	}
	return nil
}

// Sum returns a + b, of whatever both are in. A sum that does not fit is
// Exhausted: no figure is better than a wrong one.
func Sum(a, b int64) (int64, error) {
	if b > 0 && a > math.MaxInt64-b || b < 0 && a < math.MinInt64-b {
		return 0, Errorf(Exhausted, "The sum %d + %d does not fit 64 bits.", a, b)
	}
	return a + b, nil
}

// Accumulate adds n to the sum of that name, under the rules of [Sum]; one that
// does not fit leaves sums as they were.
func Accumulate(sums map[string]int64, name string, n int64) error {
	sum, err := Sum(sums[name], n)
	if err != nil {
		return Wrap(Exhausted, err, "The total %q is too large to be told", name)
	}
	sums[name] = sum
	return nil
}
