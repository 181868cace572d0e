package chargingtest

import (
	"context"
	"testing"

	"orderflow/domain"
	"orderflow/sagas/charging"
	"orderflow/sagas/providertest"
)

func faultChecks() map[string]func(*testing.T, Subject) {
	return map[string]func(*testing.T, Subject){
		"a capture that goes wrong":   captureFails,
		"a lookup that goes wrong":    lookupFails,
		"a void that goes wrong":      voidFails,
		"a refund that goes wrong":    refundFails,
		"a decline is for good":       declines,
		"a void that was refused":     voidRefused,
		"a refund that was refused":   refundRefused,
		"one effect after many tries": manyTries,
	}
}

// wrong makes a call go wrong and checks its error.
func wrong(t *testing.T, s Subject, op string, f providertest.Fault, call func(context.Context) error) {
	t.Helper()
	providertest.Wrong[charging.Failure](t, s.Next, op, f, call)
}

func captureFails(t *testing.T, s Subject) {
	for _, f := range providertest.Transient() {
		key := string(f)
		capture := func(ctx context.Context) error { return only(s.Gateway.Capture(ctx, charge(key, 70))) }
		wrong(t, s, Capture, f, capture)
		found, err := s.Gateway.Lookup(t.Context(), key)
		if f == providertest.Lost {
			must(t, found, err)
		} else {
			refused(t, "the lookup of a capture that was "+key, err, domain.NotFound)
		}
		if err := capture(t.Context()); err != nil {
			t.Fatalf("the capture that was %s, again: %v", f, err)
		}
		captured(t, s, key, 70)
	}
}

func lookupFails(t *testing.T, s Subject) {
	r, err := s.Gateway.Capture(t.Context(), charge("a", 70))
	must(t, r, err)
	for _, f := range providertest.Transient() {
		wrong(t, s, Lookup, f, func(ctx context.Context) error { return only(s.Gateway.Lookup(ctx, "a")) })
		again, err := s.Gateway.Lookup(t.Context(), "a")
		if must(t, again, err) != r {
			t.Errorf("the charge %+v is found as %+v", r, again)
		}
	}
	captured(t, s, "a", 70)
}

func voidFails(t *testing.T, s Subject) {
	for _, f := range providertest.Transient() {
		key := string(f)
		wrong(t, s, Void, f, func(ctx context.Context) error { return s.Gateway.Void(ctx, key) })
		if err := s.Gateway.Void(t.Context(), key); err != nil {
			t.Fatalf("the void that was %s, again: %v", f, err)
		}
		refused(t, "a capture after the void", only(s.Gateway.Capture(t.Context(), charge(key, 5))), domain.Rejected)
		notCaptured(t, s, key)
	}
	wrong(t, s, Void, providertest.Lost, func(ctx context.Context) error { return s.Gateway.Void(ctx, "lost alone") })
	refused(t, "a capture after a void whose reply was lost", only(s.Gateway.Capture(t.Context(), charge("lost alone", 5))), domain.Rejected)
}

func refundFails(t *testing.T, s Subject) {
	for _, f := range providertest.Transient() {
		key := string(f)
		r, err := s.Gateway.Capture(t.Context(), charge(key, 70))
		must(t, r, err)
		give := func(ctx context.Context) error { return only(s.Gateway.Refund(ctx, refund("all-"+key, key, 70))) }
		wrong(t, s, Refund, f, give)
		if err := give(t.Context()); err != nil {
			t.Fatalf("the refund that was %s, again: %v", f, err)
		}
		captured(t, s, key, 70)
	}
}

func declines(t *testing.T, s Subject) {
	capture := func(ctx context.Context) error { return only(s.Gateway.Capture(ctx, charge("a", 70))) }
	wrong(t, s, Capture, providertest.Decline, capture)
	refused(t, "the declined capture, again", capture(t.Context()), domain.Rejected)
	refused(t, "the lookup of a declined capture", only(s.Gateway.Lookup(t.Context(), "a")), domain.Rejected)
	refused(t, "the refund of a declined capture", only(s.Gateway.Refund(t.Context(), refund("r", "a", 1))), domain.Rejected)
	notCaptured(t, s, "a")
}

// voidRefused: a void that is refused this time leaves the key as it was.
func voidRefused(t *testing.T, s Subject) {
	wrong(t, s, Void, providertest.Decline, func(ctx context.Context) error { return s.Gateway.Void(ctx, "a") })
	r, err := s.Gateway.Capture(t.Context(), charge("a", 70))
	must(t, r, err)
	captured(t, s, "a", 70)
}

func refundRefused(t *testing.T, s Subject) {
	r, err := s.Gateway.Capture(t.Context(), charge("a", 70))
	must(t, r, err)
	wrong(t, s, Refund, providertest.Decline, func(ctx context.Context) error {
		return only(s.Gateway.Refund(ctx, refund("all-a", "a", 70)))
	})
	captured(t, s, "a", 70)
}

// manyTries loses replies and refuses connections in turn, under one key.
func manyTries(t *testing.T, s Subject) {
	capture := func(ctx context.Context) error { return only(s.Gateway.Capture(ctx, charge("a", 70))) }
	for _, f := range []providertest.Fault{providertest.Refused, providertest.Failed, providertest.Lost, providertest.Refused, providertest.Lost, providertest.Hung, providertest.Lost, providertest.Failed} {
		wrong(t, s, Capture, f, capture)
	}
	captured(t, s, "a", 70)
}
