package chargingtest

import (
	"fmt"
	"testing"

	"orderflow/domain"
	"orderflow/sagas/charging"
	"orderflow/sagas/providertest"
)

// result is what a caller got.
type result struct {
	receipt charging.Receipt
	err     error
}

func atOnce(t *testing.T, s Subject) {
	results := providertest.Together(func(int) result {
		r, err := s.Gateway.Capture(t.Context(), charge("a", 1000))
		return result{r, err}
	})
	for _, r := range results {
		if must(t, r.receipt, r.err) != results[0].receipt {
			t.Fatalf("one charge, two answers: %+v, %+v", results[0].receipt, r.receipt)
		}
	}
	captured(t, s, "a", 1000)
}

// atOnceMismatch: one amount wins, and every other is refused.
func atOnceMismatch(t *testing.T, s Subject) {
	won := int64(0)
	for n, r := range providertest.Together(func(n int) result {
		r, err := s.Gateway.Capture(t.Context(), charge("a", int64(n)+1))
		return result{r, err}
	}) {
		switch {
		case r.err != nil:
			refused(t, "the charge of another amount", r.err, domain.Rejected)
		case won != 0:
			t.Fatalf("%d and %d were captured under one key", won, n+1)
		default:
			won = int64(n) + 1
		}
	}
	if won == 0 {
		t.Fatal("no amount was captured")
	}
	captured(t, s, "a", won)
}

// captureAgainstVoid: either the captures succeed and the voids are refused, or the
// other way round.
func captureAgainstVoid(t *testing.T, s Subject) {
	for round := range 20 {
		key := fmt.Sprint("k", round)
		results := providertest.Together(func(n int) error {
			if n%2 == 0 {
				return s.Gateway.Void(t.Context(), key)
			}
			return only(s.Gateway.Capture(t.Context(), charge(key, 5)))
		})
		voided := results[0] == nil
		for n, err := range results {
			if (n%2 == 0) == voided {
				if err != nil {
					t.Fatalf("%s, voided %t: call %d fails with %v", key, voided, n, err)
				}
				continue
			}
			refused(t, fmt.Sprintf("%s, voided %t: call %d", key, voided, n), err, domain.Rejected)
		}
		if voided {
			notCaptured(t, s, key)
		} else {
			captured(t, s, key, 5)
		}
	}
}

func refundsAtOnce(t *testing.T, s Subject) {
	const of, each = 1000, 70 // 14 fit
	r, err := s.Gateway.Capture(t.Context(), charge("a", of))
	must(t, r, err)
	made := 0
	for _, r := range providertest.Together(func(n int) result {
		r, err := s.Gateway.Refund(t.Context(), refund(fmt.Sprint("r", n), "a", each))
		return result{r, err}
	}) {
		if r.err == nil {
			made++
			continue
		}
		refused(t, "a refund too many", r.err, domain.Rejected)
	}
	if made != of/each {
		t.Errorf("%d refunds of %d were made from %d", made, each, of)
	}
}
