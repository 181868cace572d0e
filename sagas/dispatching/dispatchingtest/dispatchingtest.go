// Package dispatchingtest is the contract of carriers: every adapter passes the same
// suite.
package dispatchingtest

import (
	"context"
	"fmt"
	"testing"

	"orderflow/domain"
	"orderflow/sagas/dispatching"
	"orderflow/sagas/providertest"
)

// The operations of a carrier.
const (
	Book   = "book"
	Cancel = "cancel"
)

// Subject is a carrier without bookings, and what a test can do with it.
type Subject struct {
	Carrier dispatching.Carrier
	// Next is nil for a provider that cannot be made to fail; the checks that need it are
	// then absent.
	Next providertest.Next
	// Parcels returns how many parcels are booked and not cancelled for an order, by the
	// provider's own account. Nil for a provider that does not tell.
	Parcels func(t testing.TB, id domain.OrderID) int
}

// Run checks a carrier. open is called for each check and returns a new subject.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	checks := map[string]func(*testing.T, Subject){
		"a key has one effect and one answer":       keyHasOneEffect,
		"another request under a key is refused":    mismatch,
		"a cancellation keeps a late booking out":   cancelFirst,
		"a booked parcel is cancelled once":         cancelBooked,
		"only a positive number of units is booked": units,
		"callers at once have one effect":           atOnce,
		"callers at once with other units":          atOnceMismatch,
		"a booking against a cancellation":          bookAgainstCancel,
		"a caller that has given up":                canceled,
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

// booking returns a request for an order of its own.
func booking(key string, units int64) dispatching.Booking {
	return dispatching.Booking{Order: order(key), Key: key, Warehouse: domain.DefaultWarehouse, Units: units}
}

func order(key string) domain.OrderID { return domain.OrderID("ord_" + key) }

// must returns the parcel of a booking that succeeds.
func must(t *testing.T, p dispatching.Parcel, err error) dispatching.Parcel {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if p.Tracking == "" || p.EstimatedDelivery.IsZero() {
		t.Fatalf("the parcel %+v has no number or no day", p)
	}
	return p
}

func same(a, b dispatching.Parcel) bool {
	return a.Tracking == b.Tracking && a.EstimatedDelivery.Equal(b.EstimatedDelivery)
}

// refused checks that an error has one of the kinds and a reason.
func refused(t *testing.T, what string, err error, kinds ...domain.Kind) {
	t.Helper()
	providertest.Fails[dispatching.Failure](t, what, err, kinds...)
}

func only(_ dispatching.Parcel, err error) error { return err }

// parcels checks how many parcels are on their way for the order of a key.
func parcels(t *testing.T, s Subject, key string, want int) {
	t.Helper()
	if s.Parcels == nil {
		return
	}
	if n := s.Parcels(t, order(key)); n != want {
		t.Fatalf("%s has %d parcels, not %d", key, n, want)
	}
}

func keyHasOneEffect(t *testing.T, s Subject) {
	p, err := s.Carrier.Book(t.Context(), booking("a", 3))
	first := must(t, p, err)
	for range 3 {
		again, err := s.Carrier.Book(t.Context(), booking("a", 3))
		if !same(must(t, again, err), first) {
			t.Errorf("one booking, two answers: %+v, %+v", first, again)
		}
	}
	other, err := s.Carrier.Book(t.Context(), booking("b", 3))
	if must(t, other, err).Tracking == first.Tracking {
		t.Error("two parcels have one number")
	}
	parcels(t, s, "a", 1)
}

func mismatch(t *testing.T, s Subject) {
	b := booking("a", 3)
	p, err := s.Carrier.Book(t.Context(), b)
	first := must(t, p, err)
	for what, other := range map[string]dispatching.Booking{
		"other units":       {Order: b.Order, Key: b.Key, Warehouse: b.Warehouse, Units: 4},
		"another order":     {Order: "ord_other", Key: b.Key, Warehouse: b.Warehouse, Units: b.Units},
		"another warehouse": {Order: b.Order, Key: b.Key, Warehouse: "elsewhere", Units: b.Units},
	} {
		refused(t, what, only(s.Carrier.Book(t.Context(), other)), domain.Rejected)
	}
	again, err := s.Carrier.Book(t.Context(), b)
	if !same(must(t, again, err), first) {
		t.Errorf("after refusals %+v became %+v", first, again)
	}
	parcels(t, s, "a", 1)
}

func cancelFirst(t *testing.T, s Subject) {
	for range 2 {
		if err := s.Carrier.Cancel(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		refused(t, "a booking after the cancellation", only(s.Carrier.Book(t.Context(), booking("a", 1))), domain.Rejected)
	}
	parcels(t, s, "a", 0)
}

func cancelBooked(t *testing.T, s Subject) {
	p, err := s.Carrier.Book(t.Context(), booking("a", 1))
	must(t, p, err)
	for range 2 {
		if err := s.Carrier.Cancel(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, "the booking, again", only(s.Carrier.Book(t.Context(), booking("a", 1))), domain.Rejected)
	parcels(t, s, "a", 0)
}

func units(t *testing.T, s Subject) {
	for _, n := range []int64{0, -1} {
		refused(t, fmt.Sprintf("a booking of %d units", n), only(s.Carrier.Book(t.Context(), booking("a", n))), domain.Rejected)
	}
	p, err := s.Carrier.Book(t.Context(), booking("a", 1)) // the refusals left no trace
	must(t, p, err)
	parcels(t, s, "a", 1)
}

// canceled: a call that was not made has no effect, and says that it was not made.
func canceled(t *testing.T, s Subject) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	refused(t, "a booking", only(s.Carrier.Book(ctx, booking("a", 1))), domain.Unavailable, domain.Unknown)
	refused(t, "a cancellation", s.Carrier.Cancel(ctx, "a"), domain.Unavailable, domain.Unknown)
	parcels(t, s, "a", 0)
	p, err := s.Carrier.Book(t.Context(), booking("a", 1))
	must(t, p, err)
	parcels(t, s, "a", 1)
}
