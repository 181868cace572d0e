package simulator_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"orderflow/domain"
	"orderflow/infra/simulator"
)

// story makes one call of every kind and outcome.
func story(t *testing.T, s *simulator.Simulator) {
	t.Helper()
	g, c, ctx := s.Gateway(simulator.Default), s.Carrier(simulator.Default), t.Context()
	for _, token := range []string{"tok_visa", "tok_decline", "tok_insufficient_funds", "tok_fail_once", "tok_lose_reply", "tok_twice", "tok_unavailable"} {
		_, _ = g.Capture(ctx, charge(token, token, 100))
		_, _ = g.Lookup(ctx, token)
	}
	want(t, only(g.Refund(ctx, back("r1", "tok_visa", 60))), 0, "")
	want(t, g.Void(ctx, "v1"), 0, "")
	s.Next(simulator.Refund, simulator.Default, "r2", simulator.Decline)
	want(t, only(g.Refund(ctx, back("r2", "tok_visa", 1))), domain.Rejected, "refund_refused")
	want(t, only(c.Book(ctx, booking("b1", 3))), 0, "")
	want(t, c.Cancel(ctx, "b1"), 0, "")
	want(t, c.Cancel(ctx, "b2"), 0, "")
	want(t, only(s.Gateway(simulator.Second).Capture(ctx, charge("tok_visa", "tok_visa", 7))), 0, "")
	want(t, s.Carrier(simulator.Second).Cancel(ctx, "b4"), 0, "")
	s.Next(simulator.Book, simulator.Default, "b3", simulator.Decline)
	want(t, only(c.Book(ctx, booking("b3", 3))), domain.Rejected, "undeliverable")
}

func TestEverythingComesBack(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, simulator.Options{})
	story(t, s)
	first, err := s.Gateway(simulator.Default).Lookup(t.Context(), "tok_visa")
	want(t, err, 0, "")
	parcel, err := s.Carrier(simulator.Default).Book(t.Context(), booking("b4", 1))
	want(t, err, 0, "")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = open(t, dir, simulator.Options{})
	g, c, ctx := s.Gateway(simulator.Default), s.Carrier(simulator.Default), t.Context()
	again, err := g.Capture(ctx, charge("tok_visa", "tok_visa", 100))
	want(t, err, 0, "")
	if again != first {
		t.Errorf("before %v, after %v", first, again)
	}
	if same, err := c.Book(ctx, booking("b4", 1)); err != nil || same != parcel {
		t.Errorf("before %v, after %v, %v", parcel, same, err)
	}
	want(t, only(g.Capture(ctx, charge("tok_visa", "tok_visa", 101))), domain.Rejected, "idempotency_mismatch")
	want(t, only(s.Gateway(simulator.Second).Capture(ctx, charge("tok_visa", "tok_visa", 7))), 0, "")
	want(t, only(s.Carrier(simulator.Second).Book(ctx, booking("b4", 1))), domain.Rejected, "canceled")
	want(t, only(g.Capture(ctx, charge("tok_decline", "tok_decline", 100))), domain.Rejected, "card_declined")
	want(t, only(g.Lookup(ctx, "tok_insufficient_funds")), domain.Rejected, "insufficient_funds")
	want(t, only(g.Capture(ctx, charge("tok_fail_once", "tok_fail_once", 100))), 0, "") // its second attempt
	want(t, only(g.Capture(ctx, charge("v1", "tok_visa", 1))), domain.Rejected, "voided")
	want(t, only(g.Refund(ctx, back("r1", "tok_visa", 60))), 0, "")
	want(t, only(g.Refund(ctx, back("r3", "tok_visa", 41))), domain.Rejected, "exceeds_capture")
	want(t, only(c.Book(ctx, booking("b1", 3))), domain.Rejected, "canceled")
	want(t, only(c.Book(ctx, booking("b2", 3))), domain.Rejected, "canceled")
	want(t, only(c.Book(ctx, booking("b3", 3))), domain.Rejected, "undeliverable")
	sum := ledger(t, dir)
	if sum.Captured["GBP"] != 407 || sum.Refunded["GBP"] != 60 || sum.Bookings != 2 || sum.Cancellations != 1 || len(sum.DoubleCharged()) != 1 {
		t.Errorf("ledger %+v", sum)
	}
}

// A ledger cut anywhere in its last line opens without that line, and goes on
// as if it had never been written.
func TestTornLastLineIsCutOff(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, simulator.Options{})
	story(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, simulator.LedgerFile))
	if err != nil {
		t.Fatal(err)
	}
	last := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	rows := ledger(t, dir).Rows
	for cut := last; cut < len(whole); cut++ {
		torn := t.TempDir()
		path := filepath.Join(torn, simulator.LedgerFile)
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if sum := ledger(t, torn); sum.Rows != rows-1 {
			t.Fatalf("cut at %d: read %d rows, want %d", cut, sum.Rows, rows-1)
		}
		s := open(t, torn, simulator.Options{})
		if s.CutBytes() != int64(cut-last) {
			t.Fatalf("cut at %d: Open says that it cut off %d bytes", cut, s.CutBytes())
		}
		if now, err := os.Stat(path); err != nil || now.Size() != int64(last) {
			t.Fatalf("cut at %d: %d bytes after opening, want %d", cut, now.Size(), last)
		}
		want(t, only(s.Carrier(simulator.Default).Book(t.Context(), booking("b3", 3))), 0, "") // its refusal was torn off
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if sum := ledger(t, torn); sum.Rows != rows {
			t.Fatalf("cut at %d: %d rows after another, want %d", cut, sum.Rows, rows)
		}
	}
}

func TestAnyOtherDamageIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, simulator.Options{})
	story(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, simulator.LedgerFile))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(whole), "\n")
	damaged := map[string]string{
		"a line is missing":          strings.Join(append(append([]string{}, lines[:3]...), lines[4:]...), ""),
		"two lines changed places":   lines[1] + lines[0] + strings.Join(lines[2:], ""),
		"a line is there twice":      lines[0] + string(whole),
		"a line is no JSON":          lines[0] + "{\n" + strings.Join(lines[2:], ""),
		"the last line is no JSON":   strings.Join(lines[:len(lines)-2], "") + "{\n",
		"an empty line":              lines[0] + "\n" + strings.Join(lines[1:], ""),
		"an endless line":            lines[0] + strings.Repeat("x", simulator.MaxLineBytes+1),
		"an unknown operation":       strings.Replace(string(whole), `"op":"capture"`, `"op":"steal"`, 1),
		"a provider without a name":  strings.Replace(string(whole), `"name":"simulator-b"`, `"name":"stripe"`, 1),
		"a row of the other gateway": strings.Replace(string(whole), `"provider":"payment","name":"simulator-b","op":"capture"`, `"provider":"payment","op":"capture"`, 1),
		"a foreign provider":         strings.Replace(string(whole), `"provider":"payment"`, `"provider":"shipping"`, 1),
		"a capture that was a repeat": strings.Replace(string(whole), `"effective":false,"result":"repeated"`,
			`"effective":true,"result":"captured"`, 1),
		"a refund beyond the capture": strings.Replace(string(whole), `"minor":60`, `"minor":160`, 1),
	}
	for name, content := range damaged {
		t.Run(name, func(t *testing.T) {
			if content == string(whole) {
				t.Fatal("nothing was damaged")
			}
			path := filepath.Join(t.TempDir(), simulator.LedgerFile)
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if s, err := simulator.Open(filepath.Dir(path), simulator.Options{}); domain.KindOf(err) != domain.Internal || s != nil {
				t.Fatalf("opened: %v", err)
			} else if !strings.Contains(err.Error(), "line ") {
				t.Errorf("the error does not name the line: %v", err)
			}
			if after, err := os.ReadFile(path); err != nil || string(after) != content {
				t.Errorf("the damaged ledger was changed: %v", err)
			}
		})
	}
}

// What ReadLedger says must not rest on the rules that the provider keeps: it
// sees a double charge that they could not have made.
func TestReadLedgerSeesADoubleCharge(t *testing.T) {
	dir := t.TempDir()
	g := open(t, dir, simulator.Options{}).Gateway(simulator.Default)
	for _, key := range []string{"a", "a-attempt-2"} {
		c := charge(key, "tok_visa", 100)
		c.Order = "ord_1"
		want(t, only(g.Capture(t.Context(), c)), 0, "")
	}
	sum := ledger(t, dir)
	if want := []domain.OrderID{"ord_1"}; !reflect.DeepEqual(sum.DoubleCharged(), want) || sum.Orders["ord_1"].Captured != 200 {
		t.Errorf("ledger %+v", sum)
	}
	if _, err := simulator.ReadLedger(filepath.Join(dir, "no such file")); domain.KindOf(err) != domain.NotFound {
		t.Errorf("got %v", err)
	}
}

func TestManyCallersOneEffectPerKey(t *testing.T) {
	const callers, keys = 64, 200
	dir := t.TempDir()
	s := open(t, dir, simulator.Options{})
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for n := range keys {
				key := fmt.Sprint(n)
				if _, err := s.Gateway(simulator.Default).Capture(t.Context(), charge(key, "tok_visa", 100)); err != nil {
					t.Error(err)
				}
				_, _ = s.Gateway(simulator.Default).Refund(t.Context(), back(fmt.Sprint("r", n%7, n), key, 30))
			}
		})
	}
	wg.Wait()
	sum := ledger(t, dir)
	if sum.Captured["GBP"] != keys*100 || sum.Refunded["GBP"] != keys*30 || sum.Rows != callers*keys*2 {
		t.Errorf("rows %d, captured %v, refunded %v", sum.Rows, sum.Captured, sum.Refunded)
	}
	for key, n := range sum.Captures {
		if n != 1 {
			t.Errorf("%s was captured %d times", key, n)
		}
	}
}

// victim is the environment variable that turns this test binary into a
// process that captures and prints what was acknowledged until it is killed.
const victim = "SIMULATOR_TEST_VICTIM_DIR"

func TestKilledInTheMiddle(t *testing.T) {
	if dir := os.Getenv(victim); dir != "" {
		captureForEver(t, dir)
		return
	}
	const rounds, answers = 5, 300
	dir, acknowledged := t.TempDir(), map[string]bool{}
	for range rounds {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledInTheMiddle$") //nolint:gosec // itself
		child.Env = append(os.Environ(), victim+"="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			acknowledged[lines.Text()] = true
			if n == answers {
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := child.Wait(); err == nil {
			t.Fatal("the process ended before it was killed")
		}
	}
	delete(acknowledged, "")
	sum := ledger(t, dir)
	for key := range acknowledged {
		if key[0] == 'k' && len(key) == keyLength && sum.Captures[key] != 1 {
			t.Errorf("%s was acknowledged and captured %d times", key, sum.Captures[key])
		}
	}
	if len(acknowledged) < rounds*answers {
		t.Errorf("only %d answers", len(acknowledged))
	}
	s := open(t, dir, simulator.Options{})
	for key := range sum.Captures {
		want(t, only(s.Gateway(simulator.Default).Lookup(t.Context(), key)), 0, "")
		break
	}
}

const keyLength = len("k00000000-00000000")

func captureForEver(t *testing.T, dir string) {
	s, err := simulator.Open(dir, simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var printing sync.Mutex
	var wg sync.WaitGroup
	for caller := range 16 {
		wg.Go(func() {
			for n := 0; ; n++ {
				key := fmt.Sprintf("k%08d-%08d", os.Getpid(), caller*1_000_000+n)
				if _, err := s.Gateway(simulator.Default).Capture(context.Background(), charge(key, "tok_visa", 100)); err != nil {
					panic(err)
				}
				printing.Lock()
				fmt.Println(key)
				printing.Unlock()
			}
		})
	}
	wg.Wait()
}
