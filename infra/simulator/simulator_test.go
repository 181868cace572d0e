package simulator_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"orderflow/domain"
	"orderflow/infra/simulator"
	"orderflow/sagas/charging"
	"orderflow/sagas/dispatching"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, dir string, o simulator.Options) *simulator.Simulator {
	t.Helper()
	s, err := simulator.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func ledger(t *testing.T, dir string) simulator.Summary {
	t.Helper()
	sum, err := simulator.ReadLedger(filepath.Join(dir, simulator.LedgerFile))
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func charge(key, token string, minor int64) charging.Charge {
	return charging.Charge{Order: domain.OrderID("ord_" + key), Key: key, Amount: domain.GBP(minor), Token: token}
}

func back(key, of string, minor int64) charging.RefundRequest {
	return charging.RefundRequest{Order: domain.OrderID("ord_" + of), Key: key, ChargeKey: of, Amount: domain.GBP(minor)}
}

func booking(key string, units int64) dispatching.Booking {
	return dispatching.Booking{Order: domain.OrderID("ord_" + key), Key: key, Warehouse: domain.DefaultWarehouse, Units: units}
}

// want checks kind and reason; an empty reason wants success.
func want(t *testing.T, err error, kind domain.Kind, reason string) {
	t.Helper()
	if reason == "" {
		if err != nil {
			t.Fatalf("got %v, want success", err)
		}
		return
	}
	got := ""
	if f, ok := errors.AsType[charging.Failure](err); ok {
		got = f.Reason
	} else if f, ok := errors.AsType[dispatching.Failure](err); ok {
		got = f.Reason
	}
	if domain.KindOf(err) != kind || got != reason {
		t.Fatalf("got %v (%s), want %s (%s)", err, domain.KindOf(err), reason, kind)
	}
}

func only[A any](_ A, err error) error { return err }

func TestAKeyHasOneEffectAndOneAnswer(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, simulator.Options{})
	g, ctx := s.Gateway(simulator.Default), t.Context()
	first, err := g.Capture(ctx, charge("a", "tok_visa", 1000))
	want(t, err, 0, "")
	again, err := g.Capture(ctx, charge("a", "tok_visa", 1000))
	want(t, err, 0, "")
	found, err := g.Lookup(ctx, "a")
	want(t, err, 0, "")
	if first != again || first != found || first.Reference == "" || first.Amount != domain.GBP(1000) {
		t.Errorf("one charge, three answers: %v, %v, %v", first, again, found)
	}
	want(t, only(g.Capture(ctx, charge("a", "tok_visa", 1001))), domain.Rejected, "idempotency_mismatch")
	want(t, only(g.Capture(ctx, charge("a", "tok_other", 1000))), domain.Rejected, "idempotency_mismatch")
	want(t, only(g.Lookup(ctx, "b")), domain.NotFound, "unknown_key")
	if sum := ledger(t, dir); sum.Captured["GBP"] != 1000 || sum.Captures["a"] != 1 || sum.Rows != 6 {
		t.Errorf("ledger %+v", sum)
	}
}

func TestRefundsNeverExceedTheCapture(t *testing.T) {
	dir := t.TempDir()
	g, ctx := open(t, dir, simulator.Options{}).Gateway(simulator.Default), t.Context()
	want(t, only(g.Refund(ctx, back("r0", "a", 1))), domain.NotFound, "unknown_key")
	want(t, only(g.Capture(ctx, charge("a", "tok_visa", 1000))), 0, "")
	want(t, only(g.Refund(ctx, back("r1", "a", 600))), 0, "")
	want(t, only(g.Refund(ctx, back("r1", "a", 600))), 0, "")
	want(t, only(g.Refund(ctx, back("r1", "a", 601))), domain.Rejected, "idempotency_mismatch")
	want(t, only(g.Refund(ctx, back("r2", "a", 401))), domain.Rejected, "exceeds_capture")
	want(t, only(g.Refund(ctx, back("r3", "a", 400))), 0, "")
	want(t, only(g.Refund(ctx, back("r4", "a", 1))), domain.Rejected, "exceeds_capture")
	euros := back("r5", "a", 1)
	euros.Amount.Currency = "EUR"
	want(t, only(g.Refund(ctx, euros)), domain.Rejected, "currency_mismatch")
	want(t, only(g.Capture(ctx, charge("d", "tok_decline", 1000))), domain.Rejected, "card_declined")
	want(t, only(g.Refund(ctx, back("r6", "d", 1))), domain.Rejected, "not_captured")
	if sum := ledger(t, dir); sum.Refunded["GBP"] != 1000 || sum.Orders["ord_a"].Refunded != 1000 {
		t.Errorf("ledger %+v", sum)
	}
}

func TestTombstonesStopWhatComesLate(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, simulator.Options{})
	g, c, ctx := s.Gateway(simulator.Default), s.Carrier(simulator.Default), t.Context()
	want(t, g.Void(ctx, "a"), 0, "")
	want(t, g.Void(ctx, "a"), 0, "")
	want(t, only(g.Capture(ctx, charge("a", "tok_visa", 5))), domain.Rejected, "voided")
	want(t, only(g.Lookup(ctx, "a")), domain.Rejected, "voided")
	want(t, only(g.Capture(ctx, charge("b", "tok_visa", 5))), 0, "")
	want(t, g.Void(ctx, "b"), domain.Rejected, "already_captured")
	want(t, c.Cancel(ctx, "a"), 0, "")
	want(t, c.Cancel(ctx, "a"), 0, "")
	want(t, only(c.Book(ctx, booking("a", 1))), domain.Rejected, "canceled")
	if sum := ledger(t, dir); sum.Captured["GBP"] != 5 || sum.Bookings != 0 || sum.Cancellations != 0 {
		t.Errorf("ledger %+v", sum)
	}
}

func TestCarrierPromisesTheSameAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s := open(t, dir, simulator.Options{})
		c, ctx := s.Carrier(simulator.Default), t.Context()
		first, err := c.Book(ctx, booking("a", 3))
		want(t, err, 0, "")
		time.Sleep(time.Hour)
		again, err := c.Book(ctx, booking("a", 3))
		want(t, err, 0, "")
		if first != again || first.Tracking == "" || !first.EstimatedDelivery.After(time.Now()) {
			t.Errorf("one booking, two answers: %v, %v", first, again)
		}
		want(t, only(c.Book(ctx, booking("a", 4))), domain.Rejected, "idempotency_mismatch")
		want(t, c.Cancel(ctx, "a"), 0, "")
		if sum := ledger(t, dir); sum.Bookings != 1 || sum.Cancellations != 1 || sum.Orders["ord_a"] != (simulator.Account{Bookings: 1, Undos: 1}) {
			t.Errorf("ledger %+v", sum)
		}
	})
}

func TestRequestsThatWouldNotComeBackAreRefused(t *testing.T) {
	dir := t.TempDir()
	g := open(t, dir, simulator.Options{}).Gateway(simulator.Default)
	for _, key := range []string{"", "bad\xff", string(make([]byte, simulator.MaxNameBytes+1))} {
		want(t, only(g.Capture(t.Context(), charge(key, "tok_visa", 5))), domain.Rejected, "invalid_request")
	}
	want(t, only(g.Capture(t.Context(), charge("a", "tok_visa", 0))), domain.Rejected, "invalid_amount")
	if sum := ledger(t, dir); len(sum.Captures) != 0 {
		t.Errorf("ledger %+v", sum)
	}
}

func TestCloseLetsGoAndRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, t.TempDir(), simulator.Options{})
		s.SetOutage(simulator.Payment, simulator.Default, simulator.Hang)
		hung := make(chan error, 1)
		go func() {
			hung <- only(s.Gateway(simulator.Default).Capture(context.Background(), charge("a", "tok_visa", 5)))
		}()
		synctest.Wait()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		want(t, <-hung, domain.Unknown, "connection_lost")
		want(t, s.Gateway(simulator.Default).Void(t.Context(), "a"), domain.Unavailable, "closed")
	})
}

func TestOneLedgerOneOwner(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, simulator.Options{})
	if s, err := simulator.Open(dir, simulator.Options{}); domain.KindOf(err) != domain.Conflict {
		t.Errorf("a second owner got %v, %v", s, err)
	}
}

func TestRatesThatMakeNoSenseAreRefused(t *testing.T) {
	for _, r := range []simulator.Rates{{Fail: 1.1}, {Fail: -0.1}, {Fail: 0.6, Hang: 0.6}} {
		if _, err := simulator.Open(t.TempDir(), simulator.Options{Shipping: r}); domain.KindOf(err) != domain.Invalid {
			t.Errorf("%+v: got %v", r, err)
		}
	}
}

// A request that is refused must not leave a row that makes the ledger unreadable.
func TestRefusedRequestsLeaveAReadableLedger(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, simulator.Options{})
	g, c, ctx := s.Gateway(simulator.Default), s.Carrier(simulator.Default), t.Context()
	want(t, only(g.Capture(ctx, charge("a", "tok_visa", -1))), domain.Rejected, "invalid_amount")
	want(t, only(g.Refund(ctx, back("r", "a", -1))), domain.Rejected, "invalid_amount")
	want(t, only(c.Book(ctx, booking("a", -1))), domain.Rejected, "invalid_units")
	long := charge("a", "tok_visa", 1)
	long.Amount.Currency = strings.Repeat("X", simulator.MaxLineBytes)
	want(t, only(g.Capture(ctx, long)), domain.Rejected, "invalid_request")
	long.Amount.Currency = "pounds"
	want(t, only(g.Capture(ctx, long)), domain.Rejected, "invalid_amount")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want(t, only(open(t, dir, simulator.Options{}).Gateway(simulator.Default).Capture(ctx, charge("a", "tok_visa", 1))), 0, "")
}
