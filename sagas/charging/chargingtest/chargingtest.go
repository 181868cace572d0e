// Package chargingtest is the contract of payment gateways: every adapter passes the
// same suite.
package chargingtest

import (
	"context"
	"fmt"
	"testing"

	"orderflow/domain"
	"orderflow/sagas/charging"
	"orderflow/sagas/providertest"
)

// The operations of a gateway.
const (
	Capture = "capture"
	Lookup  = "lookup"
	Void    = "void"
	Refund  = "refund"
)

// Subject is a gateway without charges, and what a test can do with it.
type Subject struct {
	Gateway charging.Gateway
	// Next is nil for a provider that cannot be made to fail; the checks that need it are
	// then absent.
	Next providertest.Next
	// Captures returns how often the provider has captured money under a key, by the
	// provider's own account. Nil for a provider that does not tell; refunds show it too.
	Captures func(t testing.TB, key string) int
}

// Run checks a gateway. open is called for each check and returns a new subject.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	checks := map[string]func(*testing.T, Subject){
		"a key has one effect and one answer":         keyHasOneEffect,
		"another request under a key is refused":      mismatch,
		"a key without a charge is not found":         notFound,
		"a void keeps a late capture out":             voidFirst,
		"a captured charge is not voided":             voidCaptured,
		"refunds do not exceed the capture":           refunds,
		"only a positive amount is taken or refunded": amounts,
		"callers at once have one effect":             atOnce,
		"callers at once with other amounts":          atOnceMismatch,
		"a capture against a void":                    captureAgainstVoid,
		"refunds at once do not exceed the capture":   refundsAtOnce,
		"a caller that has given up":                  canceled,
	}
	for name, check := range checks {
		t.Run(name, func(t *testing.T) { check(t, open(t)) })
	}
	for name, check := range faultChecks() {
		t.Run(name, func(t *testing.T) {
			if s := open(t); s.Next != nil {
				check(t, s)
			}
		})
	}
}

// charge returns a request for an order of its own.
func charge(key string, minor int64) charging.Charge {
	return charging.Charge{Order: domain.OrderID("ord_" + key), Key: key, Amount: domain.GBP(minor), Token: "visa"}
}

func refund(key, of string, minor int64) charging.RefundRequest {
	return charging.RefundRequest{Order: domain.OrderID("ord_" + of), Key: key, ChargeKey: of, Amount: domain.GBP(minor)}
}

// must returns the receipt of a call that succeeds.
func must(t *testing.T, r charging.Receipt, err error) charging.Receipt {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if r.Reference == "" {
		t.Fatalf("the receipt %+v has no reference", r)
	}
	return r
}

// refused checks that an error has one of the kinds and a reason.
func refused(t *testing.T, what string, err error, kinds ...domain.Kind) {
	t.Helper()
	providertest.Fails[charging.Failure](t, what, err, kinds...)
}

func only(_ charging.Receipt, err error) error { return err }

// captured checks that exactly minor was captured under a key: all of it can be
// refunded, and not a penny more.
func captured(t *testing.T, s Subject, key string, minor int64) {
	t.Helper()
	if s.Captures != nil {
		if n := s.Captures(t, key); n != 1 {
			t.Fatalf("%s was captured %d times", key, n)
		}
	}
	r, err := s.Gateway.Lookup(t.Context(), key)
	if must(t, r, err); r.Amount != domain.GBP(minor) {
		t.Fatalf("%s: the lookup says %v, not %d", key, r.Amount, minor)
	}
	r, err = s.Gateway.Refund(t.Context(), refund("all-"+key, key, minor))
	must(t, r, err)
	refused(t, "a refund of more than "+fmt.Sprint(minor), only(s.Gateway.Refund(t.Context(), refund("more-"+key, key, 1))), domain.Rejected)
}

// notCaptured checks that nothing was captured under a key.
func notCaptured(t *testing.T, s Subject, key string) {
	t.Helper()
	if s.Captures != nil {
		if n := s.Captures(t, key); n != 0 {
			t.Fatalf("%s was captured %d times", key, n)
		}
	}
	refused(t, "the lookup of "+key, only(s.Gateway.Lookup(t.Context(), key)), domain.NotFound, domain.Rejected)
}

func keyHasOneEffect(t *testing.T, s Subject) {
	r, err := s.Gateway.Capture(t.Context(), charge("a", 1000))
	first := must(t, r, err)
	if first.Amount != domain.GBP(1000) {
		t.Errorf("the receipt says %v", first.Amount)
	}
	for range 3 {
		again, err := s.Gateway.Capture(t.Context(), charge("a", 1000))
		if must(t, again, err) != first {
			t.Errorf("one charge, two answers: %+v, %+v", first, again)
		}
		found, err := s.Gateway.Lookup(t.Context(), "a")
		if must(t, found, err) != first {
			t.Errorf("the charge %+v is found as %+v", first, found)
		}
	}
	other, err := s.Gateway.Capture(t.Context(), charge("b", 1000))
	if must(t, other, err).Reference == first.Reference {
		t.Error("two charges have one reference")
	}
	captured(t, s, "a", 1000)
}

func mismatch(t *testing.T, s Subject) {
	c := charge("a", 1000)
	r, err := s.Gateway.Capture(t.Context(), c)
	must(t, r, err)
	for what, other := range map[string]charging.Charge{
		"another amount":   {Order: c.Order, Key: c.Key, Amount: domain.GBP(1001), Token: c.Token},
		"another currency": {Order: c.Order, Key: c.Key, Amount: domain.Money{Minor: 1000, Currency: "EUR"}, Token: c.Token},
		"another order":    {Order: "ord_other", Key: c.Key, Amount: c.Amount, Token: c.Token},
		"another token":    {Order: c.Order, Key: c.Key, Amount: c.Amount, Token: "mastercard"},
	} {
		refused(t, what, only(s.Gateway.Capture(t.Context(), other)), domain.Rejected)
	}
	captured(t, s, "a", 1000)
}

func notFound(t *testing.T, s Subject) {
	refused(t, "a lookup", only(s.Gateway.Lookup(t.Context(), "a")), domain.NotFound)
	refused(t, "a refund", only(s.Gateway.Refund(t.Context(), refund("r", "a", 1))), domain.NotFound)
	r, err := s.Gateway.Capture(t.Context(), charge("a", 10)) // neither left a trace
	must(t, r, err)
	r, err = s.Gateway.Refund(t.Context(), refund("r", "a", 1))
	must(t, r, err)
}

func voidFirst(t *testing.T, s Subject) {
	for range 2 {
		if err := s.Gateway.Void(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, "a capture after the void", only(s.Gateway.Capture(t.Context(), charge("a", 5))), domain.Rejected)
	refused(t, "a lookup after the void", only(s.Gateway.Lookup(t.Context(), "a")), domain.Rejected)
	refused(t, "a refund after the void", only(s.Gateway.Refund(t.Context(), refund("r", "a", 1))), domain.Rejected)
	notCaptured(t, s, "a")
}

func voidCaptured(t *testing.T, s Subject) {
	r, err := s.Gateway.Capture(t.Context(), charge("a", 5))
	must(t, r, err)
	for range 2 {
		refused(t, "the void", s.Gateway.Void(t.Context(), "a"), domain.Rejected)
	}
	captured(t, s, "a", 5)
}

func refunds(t *testing.T, s Subject) {
	g, ctx := s.Gateway, t.Context()
	r, err := g.Capture(ctx, charge("a", 1000))
	must(t, r, err)
	r, err = g.Refund(ctx, refund("r1", "a", 600))
	first := must(t, r, err)
	if first.Amount != domain.GBP(600) {
		t.Errorf("the receipt says %v", first.Amount)
	}
	for range 3 {
		again, err := g.Refund(ctx, refund("r1", "a", 600))
		if must(t, again, err) != first {
			t.Errorf("one refund, two answers: %+v, %+v", first, again)
		}
	}
	refused(t, "another amount", only(g.Refund(ctx, refund("r1", "a", 300))), domain.Rejected)
	refused(t, "more than is left", only(g.Refund(ctx, refund("r2", "a", 401))), domain.Rejected)
	r, err = g.Refund(ctx, refund("r2", "a", 400)) // the refusal left no trace
	must(t, r, err)
	refused(t, "a penny more", only(g.Refund(ctx, refund("r3", "a", 1))), domain.Rejected)
	r, err = g.Capture(ctx, charge("b", 10))
	must(t, r, err)
	refused(t, "the refund of another charge under the same key", only(g.Refund(ctx, refund("r1", "b", 10))), domain.Rejected)
	euros := refund("r4", "b", 1)
	euros.Amount.Currency = "EUR"
	refused(t, "another currency", only(g.Refund(ctx, euros)), domain.Rejected)
	r, err = g.Lookup(ctx, "a")
	if must(t, r, err).Amount != domain.GBP(1000) {
		t.Errorf("after its refunds the charge is found with %v", r.Amount)
	}
}

func amounts(t *testing.T, s Subject) {
	for _, minor := range []int64{0, -1} {
		refused(t, fmt.Sprint("a capture of ", minor), only(s.Gateway.Capture(t.Context(), charge("a", minor))), domain.Rejected)
	}
	r, err := s.Gateway.Capture(t.Context(), charge("a", 5))
	must(t, r, err)
	for _, minor := range []int64{0, -1} {
		refused(t, fmt.Sprint("a refund of ", minor), only(s.Gateway.Refund(t.Context(), refund("r", "a", minor))), domain.Rejected)
	}
	captured(t, s, "a", 5)
}

// canceled: a call that was not made has no effect, and says that it was not made.
func canceled(t *testing.T, s Subject) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	refused(t, "a capture", only(s.Gateway.Capture(ctx, charge("a", 5))), domain.Unavailable, domain.Unknown)
	refused(t, "a lookup", only(s.Gateway.Lookup(ctx, "a")), domain.Unavailable, domain.Unknown)
	refused(t, "a void", s.Gateway.Void(ctx, "a"), domain.Unavailable, domain.Unknown)
	r, err := s.Gateway.Capture(t.Context(), charge("a", 5))
	must(t, r, err)
	refused(t, "a refund", only(s.Gateway.Refund(ctx, refund("all-a", "a", 5))), domain.Unavailable, domain.Unknown)
	captured(t, s, "a", 5)
}
