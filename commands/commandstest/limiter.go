// Package commandstest is the contract of the ports of package commands.
package commandstest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"orderflow/commands"
)

// Limiters is a new limiter as two processes see it, and its clock. Where the
// clock is that of a server, each reading is off by at most Tolerance.
type Limiters struct {
	Ours, Theirs commands.Limiter
	Now          func() time.Time
	Advance      func(time.Duration) // lets time pass
	Tolerance    time.Duration       // 0 for a clock that only Advance moves
}

// RunLimiter checks a limiter. open is called for each check.
func RunLimiter(t *testing.T, open func(t *testing.T) Limiters) {
	for name, check := range map[string]func(*testing.T, Limiters){
		"a window slides":                       slides,
		"keys do not meet":                      keysApart,
		"a limit may change":                    limitChanges,
		"64 at once take no more than there is": atOnce,
		"nonsense is refused":                   nonsense,
		"it agrees with a naive one":            agrees,
	} {
		t.Run(name, func(t *testing.T) { check(t, open(t)) })
	}
}

func take(t testing.TB, l commands.Limiter, key string, limit int, window time.Duration) commands.Allowance {
	t.Helper()
	a, err := l.Take(t.Context(), key, limit, window)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// slides fills a window in two halves and watches each half come free.
func slides(t *testing.T, l Limiters) {
	const window = 300 * time.Millisecond
	for i := range 2 {
		if a := take(t, l.Ours, "k", 4, window); !a.OK || a.Limit != 4 || a.Remaining != 3-i || a.Retry != 0 {
			t.Errorf("request %d: %+v", i, a)
		}
	}
	l.Advance(window / 2)
	for i := range 2 {
		if a := take(t, l.Theirs, "k", 4, window); !a.OK || a.Remaining != 1-i {
			t.Errorf("request %d: %+v", 2+i, a)
		}
	}
	refused := take(t, l.Ours, "k", 4, window)
	if refused.OK || refused.Remaining != 0 || refused.Retry <= 0 || refused.Retry > window/2 || refused.Reset < refused.Retry || refused.Reset > window {
		t.Errorf("the fifth: %+v", refused)
	}
	l.Advance(refused.Retry + l.Tolerance)
	if a := take(t, l.Ours, "k", 4, window); !a.OK {
		t.Errorf("after waiting for Retry (%v): %+v", refused.Retry, a)
	}
	a := take(t, l.Ours, "k", 4, window)
	l.Advance(a.Reset + l.Tolerance)
	if a := take(t, l.Theirs, "k", 4, window); !a.OK || a.Remaining != 3 {
		t.Errorf("after waiting for Reset: %+v", a)
	}
}

func keysApart(t *testing.T, l Limiters) {
	for _, key := range []string{"a", "b", "{a}", "a}", "ü ", ""} {
		if a := take(t, l.Ours, key, 1, time.Minute); !a.OK {
			t.Errorf("the first of %q is refused: %+v", key, a)
		}
		if a := take(t, l.Theirs, key, 1, time.Minute); a.OK {
			t.Errorf("the second of %q is taken: %+v", key, a)
		}
	}
}

func limitChanges(t *testing.T, l Limiters) {
	for range 5 {
		take(t, l.Ours, "k", 5, time.Minute)
	}
	if a := take(t, l.Ours, "k", 2, time.Minute); a.OK || a.Remaining != 0 || a.Limit != 2 {
		t.Errorf("5 taken, 2 allowed: %+v", a)
	}
	for i := range 3 {
		if a := take(t, l.Theirs, "k", 8, time.Minute); !a.OK || a.Remaining != 2-i {
			t.Errorf("5 taken, 8 allowed, %d more: %+v", i, a)
		}
	}
	if a := take(t, l.Ours, "k", 8, time.Minute); a.OK {
		t.Errorf("the ninth of 8: %+v", a)
	}
}

func atOnce(t *testing.T, l Limiters) {
	const each, limit = 20, 1_000
	var taken atomic.Int64
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			who := l.Ours
			if i%2 == 1 {
				who = l.Theirs
			}
			for range each {
				a, err := who.Take(t.Context(), "hot", limit, time.Hour)
				if err != nil {
					t.Error(err)
					return
				}
				if a.OK {
					taken.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if n := taken.Load(); n != limit {
		t.Errorf("of %d requests %d were taken; the limit is %d", 64*each, n, limit)
	}
}

func nonsense(t *testing.T, l Limiters) {
	if a, err := l.Ours.Take(t.Context(), "k", 0, time.Second); err == nil {
		t.Errorf("a limit of 0: %+v", a)
	}
	if a, err := l.Ours.Take(t.Context(), "k", 1, time.Microsecond); err == nil {
		t.Errorf("a window of 1 µs: %+v", a)
	}
}

// request is one that was taken, between two readings of the clock.
type request struct{ from, to time.Time }

// agrees takes at random and compares with a list of all that was taken. Each
// Take happened somewhere between two readings of the clock, so figures are
// compared with the least and the most that they can be.
func agrees(t *testing.T, l Limiters) {
	const window = 40 * time.Millisecond
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		limit := rapid.IntRange(1, 6).Draw(rt, "limit")
		key := fmt.Sprintf("run %d", run)
		var taken []request
		for i := range rapid.IntRange(1, 24).Draw(rt, "requests") {
			if wait := rapid.IntRange(-8_000, 16_000).Draw(rt, "wait in µs"); wait > 0 {
				l.Advance(time.Duration(wait) * time.Microsecond)
			}
			who := l.Ours
			if rapid.Bool().Draw(rt, "theirs") {
				who = l.Theirs
			}
			from := l.Now().Add(-l.Tolerance)
			a, err := who.Take(t.Context(), key, limit, window)
			if err != nil {
				rt.Fatal(err)
			}
			now := request{from, l.Now().Add(l.Tolerance)}
			compare(rt, i, a, taken, now, limit, window)
			if a.OK {
				taken = append(taken, now)
			}
		}
	})
}

func compare(rt *rapid.T, i int, a commands.Allowance, taken []request, now request, limit int, window time.Duration) {
	surely, perhaps := 0, 0 // within the window
	for _, r := range taken {
		if now.to.Sub(r.from) < window {
			surely++
		}
		if now.from.Sub(r.to) < window {
			perhaps++
		}
	}
	if a.OK && surely >= limit {
		rt.Fatalf("request %d is taken; %d were within the window, the limit is %d", i, surely, limit)
	}
	if !a.OK && perhaps < limit {
		rt.Fatalf("request %d is refused; at most %d were within the window, the limit is %d", i, perhaps, limit)
	}
	if a.OK {
		surely, perhaps = surely+1, perhaps+1
	}
	if a.Remaining > limit-surely || a.Remaining < max(0, limit-perhaps) {
		rt.Fatalf("request %d: %d remain, not %d to %d", i, a.Remaining, max(0, limit-perhaps), limit-surely)
	}
	all := taken
	if a.OK {
		all = append(all[:len(all):len(all)], now)
	}
	within(rt, i, "Reset", a.Reset, all[len(all)-1], now, window)
	switch {
	case a.OK && a.Retry != 0:
		rt.Fatalf("request %d is taken and told to try again in %v", i, a.Retry)
	case !a.OK:
		within(rt, i, "Retry", a.Retry, all[len(all)-limit], now, window)
	}
}

// within checks a figure that says when r leaves the window.
func within(rt *rapid.T, i int, what string, have time.Duration, r, now request, window time.Duration) {
	least, most := window-now.to.Sub(r.from), window-now.from.Sub(r.to)
	if have < least || have > most {
		rt.Fatalf("request %d: %s is %v, not %v to %v", i, what, have, least, most)
	}
}
