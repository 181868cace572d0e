package backoff_test

import (
	"testing"
	"time"

	"orderflow/internal/backoff"
)

func TestPauseDoublesUpToTheLast(t *testing.T) {
	p := backoff.Policy{First: 100 * time.Millisecond, Last: time.Second}
	for n, want := range map[int]time.Duration{
		-1: 100 * time.Millisecond, 0: 100 * time.Millisecond, 1: 200 * time.Millisecond, 2: 400 * time.Millisecond,
		3: 800 * time.Millisecond, 4: time.Second, 5: time.Second, 1 << 40: time.Second,
	} {
		if d := p.Pause(n); d != want {
			t.Errorf("Pause(%d) is %s, want %s", n, d, want)
		}
	}
}

func TestPauseWithoutALastDoesNotOverflow(t *testing.T) {
	p := backoff.Policy{First: 50 * time.Millisecond}
	before := time.Duration(0)
	for n := range 100 {
		d := p.Pause(n)
		if d < before {
			t.Fatalf("Pause(%d) is %s after %s", n, d, before)
		}
		before = d
	}
	if d := p.Pause(6); d != 3200*time.Millisecond {
		t.Errorf("Pause(6) is %s", d)
	}
}

func TestAFirstAboveTheLastIsTheLast(t *testing.T) {
	if d := (backoff.Policy{First: time.Minute, Last: time.Second}).Pause(0); d != time.Second {
		t.Errorf("Pause(0) is %s, above the last", d)
	}
}

func TestSequenceIsPause(t *testing.T) {
	for _, p := range []backoff.Policy{
		{First: 100 * time.Millisecond, Last: 5 * time.Second},
		{First: 20 * time.Millisecond, Last: 2 * time.Second},
		{First: 50 * time.Millisecond},
		{First: time.Second, Last: time.Second},
	} {
		s := p.Sequence()
		for round := range 2 {
			for n := range 12 {
				if d := s.NextBackOff(); d != p.Pause(n) {
					t.Errorf("%+v, round %d: wait %d of the sequence is %s, Pause says %s", p, round, n, d, p.Pause(n))
				}
			}
			s.Reset()
		}
	}
}

func TestJitteredIsHalfOfPauseToAll(t *testing.T) {
	p := backoff.Policy{First: 20 * time.Millisecond, Last: 2 * time.Second}
	for n := range 12 {
		seen := map[time.Duration]bool{}
		for range 100 {
			d := p.Jittered(n)
			if d < p.Pause(n)/2 || d > p.Pause(n) {
				t.Fatalf("Jittered(%d) is %s, outside of half of %s to all", n, d, p.Pause(n))
			}
			seen[d] = true
		}
		if len(seen) == 1 {
			t.Errorf("Jittered(%d) is the same every time", n)
		}
	}
}

func TestSpreadDependsOnTheKeyAlone(t *testing.T) {
	p := backoff.Policy{First: 500 * time.Millisecond, Last: 5 * time.Minute}
	seen := map[time.Duration]bool{}
	for _, key := range []string{"order-1", "order-2", "order-3", "order-4"} {
		d := p.Spread(3, key)
		if d != p.Spread(3, key) {
			t.Errorf("%s waits another time when asked again", key)
		}
		if d < p.Pause(3) || d > p.Pause(3)*5/4 {
			t.Errorf("%s waits %s, outside of %s and a quarter more", key, d, p.Pause(3))
		}
		seen[d] = true
	}
	if len(seen) == 1 {
		t.Error("every key waits the same time")
	}
	// FNV-1a of "a" is 0xe40c292c: 0x2c of 1024 parts are added.
	if d, want := (backoff.Policy{First: 1024}).Spread(0, "a"), time.Duration(1024+0x2c); d != want {
		t.Errorf("Spread is %d, want %d", d, want)
	}
}
