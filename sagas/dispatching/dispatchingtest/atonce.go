package dispatchingtest

import (
	"fmt"
	"testing"

	"orderflow/domain"
	"orderflow/sagas/dispatching"
	"orderflow/sagas/providertest"
)

// result is what a caller got.
type result struct {
	parcel dispatching.Parcel
	err    error
}

func atOnce(t *testing.T, s Subject) {
	results := providertest.Together(func(int) result {
		p, err := s.Carrier.Book(t.Context(), booking("a", 3))
		return result{p, err}
	})
	for _, r := range results {
		if !same(must(t, r.parcel, r.err), results[0].parcel) {
			t.Fatalf("one booking, two answers: %+v, %+v", results[0].parcel, r.parcel)
		}
	}
	parcels(t, s, "a", 1)
}

// atOnceMismatch: one number of units wins, and every other is refused.
func atOnceMismatch(t *testing.T, s Subject) {
	won := 0
	for n, r := range providertest.Together(func(n int) result {
		p, err := s.Carrier.Book(t.Context(), booking("a", int64(n)+1))
		return result{p, err}
	}) {
		switch {
		case r.err != nil:
			refused(t, "the booking of other units", r.err, domain.Rejected)
		case won != 0:
			t.Fatalf("%d and %d units were booked under one key", won, n+1)
		default:
			won = n + 1
		}
	}
	if won == 0 {
		t.Fatal("nothing was booked")
	}
	parcels(t, s, "a", 1)
}

// bookAgainstCancel: cancellations succeed always, and no parcel remains.
func bookAgainstCancel(t *testing.T, s Subject) {
	for round := range 20 {
		key := fmt.Sprint("k", round)
		for n, err := range providertest.Together(func(n int) error {
			if n%2 == 0 {
				return s.Carrier.Cancel(t.Context(), key)
			}
			return only(s.Carrier.Book(t.Context(), booking(key, 1)))
		}) {
			if err != nil && n%2 == 0 {
				t.Fatal(err)
			}
			if err != nil {
				refused(t, "a booking after the cancellation", err, domain.Rejected)
			}
		}
		parcels(t, s, key, 0)
		refused(t, "a booking after all", only(s.Carrier.Book(t.Context(), booking(key, 1))), domain.Rejected)
	}
}
