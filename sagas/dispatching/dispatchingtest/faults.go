package dispatchingtest

import (
	"context"
	"testing"

	"orderflow/domain"
	"orderflow/sagas/dispatching"
	"orderflow/sagas/providertest"
)

func faultChecks() map[string]func(*testing.T, Subject) {
	return map[string]func(*testing.T, Subject){
		"a booking that goes wrong":      bookFails,
		"a cancellation that goes wrong": cancelFails,
		"a refusal is for good":          declines,
		"a cancellation that is refused": cancelRefused,
		"one effect after many tries":    manyTries,
	}
}

// wrong makes a call go wrong and checks its error.
func wrong(t *testing.T, s Subject, op string, f providertest.Fault, call func(context.Context) error) {
	t.Helper()
	providertest.Wrong[dispatching.Failure](t, s.Next, op, f, call)
}

func bookFails(t *testing.T, s Subject) {
	for _, f := range providertest.Transient() {
		key := string(f)
		book := func(ctx context.Context) error { return only(s.Carrier.Book(ctx, booking(key, 2))) }
		wrong(t, s, Book, f, book)
		parcels(t, s, key, map[providertest.Fault]int{providertest.Lost: 1}[f])
		if err := book(t.Context()); err != nil {
			t.Fatalf("the booking that was %s, again: %v", f, err)
		}
		parcels(t, s, key, 1)
	}
}

func cancelFails(t *testing.T, s Subject) {
	for _, f := range providertest.Transient() {
		key := string(f)
		p, err := s.Carrier.Book(t.Context(), booking(key, 2))
		must(t, p, err)
		cancel := func(ctx context.Context) error { return s.Carrier.Cancel(ctx, key) }
		wrong(t, s, Cancel, f, cancel)
		parcels(t, s, key, 1-map[providertest.Fault]int{providertest.Lost: 1}[f])
		if err := cancel(t.Context()); err != nil {
			t.Fatalf("the cancellation that was %s, again: %v", f, err)
		}
		parcels(t, s, key, 0)
	}
	wrong(t, s, Cancel, providertest.Lost, func(ctx context.Context) error { return s.Carrier.Cancel(ctx, "lost alone") })
	refused(t, "a booking after a cancellation whose reply was lost", only(s.Carrier.Book(t.Context(), booking("lost alone", 1))), domain.Rejected)
}

func declines(t *testing.T, s Subject) {
	book := func(ctx context.Context) error { return only(s.Carrier.Book(ctx, booking("a", 2))) }
	wrong(t, s, Book, providertest.Decline, book)
	refused(t, "the refused booking, again", book(t.Context()), domain.Rejected)
	parcels(t, s, "a", 0)
}

// cancelRefused: a carrier that has the parcel keeps it.
func cancelRefused(t *testing.T, s Subject) {
	p, err := s.Carrier.Book(t.Context(), booking("a", 2))
	first := must(t, p, err)
	wrong(t, s, Cancel, providertest.Decline, func(ctx context.Context) error { return s.Carrier.Cancel(ctx, "a") })
	again, err := s.Carrier.Book(t.Context(), booking("a", 2))
	if !same(must(t, again, err), first) {
		t.Errorf("after a refused cancellation %+v became %+v", first, again)
	}
	parcels(t, s, "a", 1)
}

// manyTries loses replies and refuses connections in turn, under one key.
func manyTries(t *testing.T, s Subject) {
	book := func(ctx context.Context) error { return only(s.Carrier.Book(ctx, booking("a", 2))) }
	for _, f := range []providertest.Fault{providertest.Refused, providertest.Failed, providertest.Lost, providertest.Refused, providertest.Lost, providertest.Hung, providertest.Lost, providertest.Failed} {
		wrong(t, s, Book, f, book)
	}
	parcels(t, s, "a", 1)
}
