package breaker_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/internal/breaker"
)

const (
	failures = 5
	openFor  = time.Second
)

func call(t *testing.T, b *breaker.Breaker, v breaker.Verdict) {
	t.Helper()
	p, ok := b.Acquire()
	if !ok {
		t.Fatalf("a %s breaker refuses the call", b.State())
	}
	b.Settle(p, v)
}

func refused(t *testing.T, b *breaker.Breaker, when string) {
	t.Helper()
	if p, ok := b.Acquire(); ok {
		b.Settle(p, breaker.TryNext)
		t.Errorf("%s a call is let through", when)
	}
}

// opened returns a breaker that has just opened.
func opened(t *testing.T, changed func(from, to breaker.State)) *breaker.Breaker {
	b := breaker.New(breaker.Options{Failures: failures, OpenFor: openFor, Changed: changed})
	for range failures {
		call(t, b, breaker.Failed)
	}
	refused(t, b, "after as many failures as open it")
	return b
}

func TestAnOpenBreakerLetsOneTryAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var states []breaker.State
		b := opened(t, func(_, to breaker.State) { states = append(states, to) })
		time.Sleep(openFor - 1)
		refused(t, b, "before its time is over")
		time.Sleep(time.Nanosecond)
		trial, ok := b.Acquire()
		if !ok {
			t.Fatal("no call may try")
		}
		refused(t, b, "while one tries")
		if d := b.RetryAfter(time.Minute); d != time.Minute {
			t.Errorf("RetryAfter is %s during a trial, want its timeout", d)
		}
		b.Settle(trial, breaker.Failed)
		refused(t, b, "after a failed trial")
		if d := b.RetryAfter(time.Minute); d != openFor {
			t.Errorf("RetryAfter is %s after a failed trial, want %s", d, openFor)
		}
		time.Sleep(openFor)
		call(t, b, breaker.Succeeded)
		for range failures {
			call(t, b, breaker.Failed) // closed: as many as before open it
		}
		refused(t, b, "after as many failures as open it")
		want := []breaker.State{breaker.Open, breaker.HalfOpen, breaker.Open, breaker.HalfOpen, breaker.Closed, breaker.Open}
		if !slices.Equal(states, want) {
			t.Errorf("the states were %v, want %v", states, want)
		}
	})
}

func TestATrialThatTaughtNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := opened(t, nil)
		time.Sleep(openFor)
		call(t, b, breaker.TryNext)
		trial, ok := b.Acquire()
		if !ok {
			t.Fatal("a trial that was given back keeps others away")
		}
		refused(t, b, "while the second one tries")
		b.Settle(trial, breaker.Reopen)
		refused(t, b, "after it was opened again")
		time.Sleep(openFor)
		call(t, b, breaker.TryNext)
		call(t, b, breaker.Failed)
		refused(t, b, "after the second trial failed")
	})
}

func TestOnlyFailuresInARowCount(t *testing.T) {
	b := breaker.New(breaker.Options{Failures: failures, OpenFor: openFor})
	for range 3 * failures {
		call(t, b, breaker.Failed)
		call(t, b, breaker.Succeeded)
	}
	for range 3 * failures {
		call(t, b, breaker.TryNext)
		call(t, b, breaker.Reopen)
	}
	if b.State() != breaker.Closed {
		t.Error("failures that were not in a row opened the breaker")
	}
}

func TestALateAnswerDoesNotSettleTheTrial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker.New(breaker.Options{Failures: failures, OpenFor: openFor})
		late, _ := b.Acquire()
		for range failures {
			call(t, b, breaker.Failed)
		}
		time.Sleep(openFor)
		trial, ok := b.Acquire()
		if b.Settle(late, breaker.Succeeded); !ok || b.State() != breaker.HalfOpen {
			t.Errorf("a late answer made the breaker %s", b.State())
		}
		b.Settle(trial, breaker.Succeeded)
		if b.State() != breaker.Closed {
			t.Errorf("after the trial the breaker is %s", b.State())
		}
	})
}
