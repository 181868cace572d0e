package dispatchingtest

import (
	"context"
	"testing"

	"orderflow/domain"
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

// wrong makes a call go wrong and checks its error. A call that hangs is given up once
// the provider has it.
func wrong(t *testing.T, s Subject, op string, f Fault, call func(context.Context) error) {
	t.Helper()
	received := s.Next(op, f)
	if f != Hung {
		refused(t, "a "+op+" that is "+string(f), call(t.Context()), map[Fault]domain.Kind{
			Refused: domain.Unavailable, Failed: domain.Unknown, Lost: domain.Unknown, Decline: domain.Rejected,
		}[f])
		return
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- call(ctx) }()
	select {
	case <-received:
	case err := <-done:
		t.Fatalf("a %s that hangs ends with %v before the provider has it", op, err)
	}
	select {
	case err := <-done:
		t.Fatalf("a %s that hangs ends with %v before its caller gives up", op, err)
	default:
	}
	cancel()
	refused(t, "a "+op+" that hangs", <-done, domain.Unknown)
}

// faults are those after which the same call can be made again.
func faults() []Fault { return []Fault{Refused, Failed, Lost, Hung} }

func bookFails(t *testing.T, s Subject) {
	for _, f := range faults() {
		key := string(f)
		book := func(ctx context.Context) error { return only(s.Carrier.Book(ctx, booking(key, 2))) }
		wrong(t, s, Book, f, book)
		parcels(t, s, key, map[Fault]int{Lost: 1}[f])
		if err := book(t.Context()); err != nil {
			t.Fatalf("the booking that was %s, again: %v", f, err)
		}
		parcels(t, s, key, 1)
	}
}

func cancelFails(t *testing.T, s Subject) {
	for _, f := range faults() {
		key := string(f)
		p, err := s.Carrier.Book(t.Context(), booking(key, 2))
		must(t, p, err)
		cancel := func(ctx context.Context) error { return s.Carrier.Cancel(ctx, key) }
		wrong(t, s, Cancel, f, cancel)
		parcels(t, s, key, 1-map[Fault]int{Lost: 1}[f])
		if err := cancel(t.Context()); err != nil {
			t.Fatalf("the cancellation that was %s, again: %v", f, err)
		}
		parcels(t, s, key, 0)
	}
	wrong(t, s, Cancel, Lost, func(ctx context.Context) error { return s.Carrier.Cancel(ctx, "lost alone") })
	refused(t, "a booking after a cancellation whose reply was lost", only(s.Carrier.Book(t.Context(), booking("lost alone", 1))), domain.Rejected)
}

func declines(t *testing.T, s Subject) {
	book := func(ctx context.Context) error { return only(s.Carrier.Book(ctx, booking("a", 2))) }
	wrong(t, s, Book, Decline, book)
	refused(t, "the refused booking, again", book(t.Context()), domain.Rejected)
	parcels(t, s, "a", 0)
}

// cancelRefused: a carrier that has the parcel keeps it.
func cancelRefused(t *testing.T, s Subject) {
	p, err := s.Carrier.Book(t.Context(), booking("a", 2))
	first := must(t, p, err)
	wrong(t, s, Cancel, Decline, func(ctx context.Context) error { return s.Carrier.Cancel(ctx, "a") })
	again, err := s.Carrier.Book(t.Context(), booking("a", 2))
	if !same(must(t, again, err), first) {
		t.Errorf("after a refused cancellation %+v became %+v", first, again)
	}
	parcels(t, s, "a", 1)
}

// manyTries loses replies and refuses connections in turn, under one key.
func manyTries(t *testing.T, s Subject) {
	book := func(ctx context.Context) error { return only(s.Carrier.Book(ctx, booking("a", 2))) }
	for _, f := range []Fault{Refused, Failed, Lost, Refused, Lost, Hung, Lost, Failed} {
		wrong(t, s, Book, f, book)
	}
	parcels(t, s, "a", 1)
}
