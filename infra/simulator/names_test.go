package simulator_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/infra/simulator"
)

// Each name is a provider of its own: a key of one is unknown to the other.
func TestNamesShareNothingButTheLedger(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, simulator.Options{})
	a, b, ctx := s.Gateway(simulator.Default), s.Gateway(simulator.Second), t.Context()
	first, err := a.Capture(ctx, charge("k", "tok_visa", 100))
	want(t, err, 0, "")
	want(t, only(b.Lookup(ctx, "k")), domain.NotFound, "unknown_key")
	want(t, only(b.Refund(ctx, back("r", "k", 1))), domain.NotFound, "unknown_key")
	want(t, b.Void(ctx, "k"), 0, "") // a tombstone at b says nothing to a
	want(t, only(a.Lookup(ctx, "k")), 0, "")
	want(t, only(b.Capture(ctx, charge("k", "tok_visa", 100))), domain.Rejected, "voided")
	second, err := b.Capture(ctx, charge("l", "tok_visa", 999))
	want(t, err, 0, "")
	want(t, only(a.Capture(ctx, charge("l", "tok_visa", 7))), 0, "") // no mismatch
	if other, err := a.Lookup(ctx, "l"); err != nil || other.Reference == second.Reference || first.Reference == second.Reference {
		t.Errorf("two providers have one reference: %v, %v, %v", first, second, other)
	}
	want(t, s.Carrier(simulator.Second).Cancel(ctx, "p"), 0, "")
	want(t, only(s.Carrier(simulator.Default).Book(ctx, booking("p", 1))), 0, "")
	want(t, only(s.Carrier(simulator.Second).Book(ctx, booking("q", 1))), 0, "")
	want(t, s.Carrier(simulator.Default).Cancel(ctx, "q"), 0, "") // of a parcel that another carrier has
	for _, name := range []string{"", "stripe"} {
		want(t, s.Gateway(name).Void(ctx, "k"), domain.Unavailable, "unknown_provider")
		want(t, s.Carrier(name).Cancel(ctx, "k"), domain.Unavailable, "unknown_provider")
	}
	sum := ledger(t, dir)
	one, two := sum.Providers[simulator.Default], sum.Providers[simulator.Second]
	if one.Captured["GBP"] != 107 || two.Captured["GBP"] != 999 || sum.Captured["GBP"] != 1106 || one.Rows+two.Rows != sum.Rows ||
		one.Bookings != 1 || two.Bookings != 1 || sum.Bookings != 2 || sum.Cancellations != 0 || len(sum.Providers) != 2 {
		t.Errorf("ledger %+v", sum)
	}
}

// An order that two gateways captured is charged twice, under one key or two.
func TestTwoGatewaysChargeAnOrderTwice(t *testing.T) {
	for _, keys := range [][2]string{{"k", "k"}, {"k", "l"}} {
		dir := t.TempDir()
		s := open(t, dir, simulator.Options{})
		for i, name := range simulator.Names() {
			c := charge(keys[i], "tok_visa", 100)
			c.Order = "ord_1"
			want(t, only(s.Gateway(name).Capture(t.Context(), c)), 0, "")
		}
		sum := ledger(t, dir)
		for name, sum := range map[string]simulator.Summary{"whole": sum, "abridged": sum.Abridged()} {
			if got := sum.DoubleCharged(); !reflect.DeepEqual(got, []domain.OrderID{"ord_1"}) || sum.Orders["ord_1"].Captured != 200 || sum.Captured["GBP"] != 200 {
				t.Errorf("%v, %s: charged twice %v, %+v", keys, name, got, sum)
			}
		}
	}
}

func TestAnAbridgedSummaryIsSmall(t *testing.T) {
	const twice = simulator.MaxAbridged + 5
	sum := simulator.Summary{Captures: map[string]int{}, Orders: map[domain.OrderID]simulator.Account{}}
	for n := range 3 * twice {
		captures := 1 + n%3%2
		sum.Captures[fmt.Sprint(n)] = captures
		sum.Orders[domain.OrderID(fmt.Sprint(n))] = simulator.Account{Captures: captures}
	}
	if short := sum.Abridged(); len(short.Orders) != simulator.MaxAbridged || len(short.Captures) != simulator.MaxAbridged || len(short.DoubleCharged()) != simulator.MaxAbridged {
		t.Errorf("%d orders, %d keys", len(short.Orders), len(short.Captures))
	}
	if len(sum.DoubleCharged()) != twice {
		t.Errorf("abridging changed the summary: %d", len(sum.DoubleCharged()))
	}
}

func TestFaultsAreSetPerName(t *testing.T) {
	fails := simulator.NamedRates{Payment: simulator.Rates{Fail: 1}}
	s := open(t, t.TempDir(), simulator.Options{Shipping: simulator.Rates{Unavailable: 1}, Named: map[string]simulator.NamedRates{simulator.Second: fails}})
	a, b, ctx := s.Gateway(simulator.Default), s.Gateway(simulator.Second), t.Context()
	want(t, a.Void(ctx, "rates"), 0, "")
	want(t, b.Void(ctx, "rates"), domain.Unknown, "server_error")
	want(t, s.Carrier(simulator.Default).Cancel(ctx, "rates"), domain.Unavailable, "connection_refused")
	want(t, s.Carrier(simulator.Second).Cancel(ctx, "rates"), 0, "")
	s.SetOutage(simulator.Payment, simulator.Default, simulator.Unavailable)
	want(t, a.Void(ctx, "outage"), domain.Unavailable, "connection_refused")
	want(t, b.Void(ctx, "outage"), domain.Unknown, "server_error")
	s.SetOutage(simulator.Payment, simulator.Default, simulator.Work)
	s.Next(simulator.Void, simulator.Default, simulator.AnyKey, simulator.LoseReply)
	s.Next(simulator.Void, simulator.Second, "script", simulator.Decline)
	want(t, b.Void(ctx, "script"), domain.Rejected, "void_refused")
	want(t, a.Void(ctx, "script"), domain.Unknown, "connection_lost")
	if s.Scripted() != 0 {
		t.Errorf("%d scripted calls did not come", s.Scripted())
	}
	if _, err := simulator.Open(t.TempDir(), simulator.Options{Named: map[string]simulator.NamedRates{"stripe": {}}}); domain.KindOf(err) != domain.Invalid {
		t.Errorf("rates of no provider: %v", err)
	}
	if _, err := simulator.Open(t.TempDir(), simulator.Options{Named: map[string]simulator.NamedRates{simulator.Second: {Payment: simulator.Rates{Fail: 2}}}}); domain.KindOf(err) != domain.Invalid {
		t.Errorf("rates that make no sense: %v", err)
	}
}

// The two gateways misbehave independently of each other under one seed.
func TestNamesDrawTheirOwnChances(t *testing.T) {
	s := open(t, t.TempDir(), simulator.Options{Payment: simulator.Rates{Fail: 0.5}})
	differ := 0
	for n := range 200 {
		key := fmt.Sprint(n)
		a, b := s.Gateway(simulator.Default).Void(t.Context(), key), s.Gateway(simulator.Second).Void(t.Context(), key)
		if (a == nil) != (b == nil) {
			differ++
		}
	}
	if differ < 60 || differ > 140 { // 100, with a standard deviation of 7
		t.Errorf("%d of 200 differ", differ)
	}
}

// Rows of the default have no name, and so have those of ledgers from before there was
// a second provider.
func TestStoredFormOfAName(t *testing.T) {
	const named = `{"seq":1,"time":"2023-11-24T00:00:00Z","provider":"payment","name":"simulator-b","op":"void","key":"k","effective":true,"result":"voided","reply":"sent"}`
	row := simulator.Row{
		Seq: 1, Time: time.Date(2023, 11, 24, 0, 0, 0, 0, time.UTC), Provider: simulator.Payment, Name: simulator.Second, Op: simulator.Void,
		Key: "k", Effective: true, Result: "voided", Reply: simulator.Sent,
	}
	if line, err := simulator.EncodeRow(nil, row); err != nil || string(line) != named+"\n" {
		t.Errorf("encoded %s, %v", line, err)
	}
	if _, ok := simulator.ReadOwn([]byte(named)); !ok {
		t.Error("the fast reader gave up on a row with a name")
	}
	if got, err := simulator.DecodeRow([]byte(named)); err != nil || got != row {
		t.Errorf("decoded %+v, %v", got, err)
	}
	if got, err := simulator.DecodeRow(bytes.Replace([]byte(named), []byte(simulator.Second), []byte("stripe"), 1)); err == nil {
		t.Errorf("decoded a row of no provider: %+v", got)
	}
	if got, err := simulator.DecodeRow(bytes.Replace([]byte(named), []byte(simulator.Second), []byte(simulator.Default), 1)); err != nil || got.Name != "" {
		t.Errorf("decoded %+v, %v", got, err)
	}
	dir := t.TempDir()
	want(t, open(t, dir, simulator.Options{}).Gateway(simulator.Default).Void(t.Context(), "k"), 0, "")
	if line, err := os.ReadFile(filepath.Join(dir, simulator.LedgerFile)); err != nil || bytes.Contains(line, []byte("name")) {
		t.Errorf("the default's row is %s, %v", line, err)
	}
}
