package resilience

import (
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

// State is the state of a breaker.
type State string

// The states.
const (
	Closed   State = "closed"
	Open     State = "open"
	HalfOpen State = "half_open"
)

// Measure returns the state as a gauge shows it: 0 closed, 0.5 half open, 1 open.
func (s State) Measure() float64 {
	switch s {
	case Open:
		return 1
	case HalfOpen:
		return 0.5
	case Closed:
	}
	return 0
}

func stateOf(s circuitbreaker.State) State {
	switch s {
	case circuitbreaker.OpenState:
		return Open
	case circuitbreaker.HalfOpenState:
		return HalfOpen
	case circuitbreaker.ClosedState:
	}
	return Closed
}

// verdict is the meaning of a call's outcome for the breaker.
type verdict uint8

const (
	failed    verdict = iota // also what a call that panics leaves behind
	succeeded                // it answered, if only with a no
	unsettled                // the caller went away first
)

// permit is the leave to make one call. It counts only in the epoch it was
// given in: the answer to a call made before the breaker opened must not
// settle the trial that decides whether it closes.
type permit struct {
	epoch int
	trial bool
}

// breaker is the library's, with what it lacks: calls that settle nothing,
// answers that come too late to count, and a view of the trial under way.
type breaker struct {
	options Options
	library circuitbreaker.CircuitBreaker[any]

	mu      sync.Mutex
	epoch   int // counts changes of state
	trial   time.Time
	changes []change // to be announced once mu is free
	window  window
}

type change struct{ from, to State }

func newBreaker(o Options) *breaker {
	b := &breaker{options: o}
	// One success closes and one failure opens again: a provider that is down
	// costs one call per OpenFor.
	b.library = circuitbreaker.NewBuilder[any]().
		WithFailureThreshold(o.Failures).
		WithSuccessThreshold(1).
		WithDelay(o.OpenFor).
		OnStateChanged(func(e circuitbreaker.StateChangedEvent) {
			b.epoch++
			b.trial = time.Time{}
			b.changes = append(b.changes, change{stateOf(e.OldState), stateOf(e.NewState)})
		}).
		Build()
	return b
}

// locked runs step alone and announces, in order, what it changed.
func (b *breaker) locked(step func()) {
	b.mu.Lock()
	step()
	changes := b.changes
	b.changes = nil
	b.mu.Unlock()
	for _, c := range changes {
		b.options.Observer.BreakerChanged(c.from, c.to)
	}
}

func (b *breaker) acquire() (p permit, ok bool) {
	b.locked(func() {
		ok = b.library.TryAcquirePermit()
		p = permit{epoch: b.epoch, trial: ok && b.library.IsHalfOpen()}
		if p.trial {
			b.trial = time.Now()
		}
	})
	return p, ok
}

func (b *breaker) settle(p permit, v verdict) {
	b.locked(func() {
		if v != unsettled {
			b.window.add(v == failed)
		}
		switch {
		case p.epoch != b.epoch:
		case v == succeeded:
			b.library.RecordSuccess()
		case v == failed:
			b.library.RecordFailure()
		case p.trial:
			b.library.Open()
		}
	})
}

// retryAfter returns the time until a call may be tried, 0 when one may be now.
func (b *breaker) retryAfter() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.trial.IsZero() { // ends by its timeout at the latest
		return max(b.options.Timeout-time.Since(b.trial), time.Millisecond)
	}
	return b.library.RemainingDelay()
}

func (b *breaker) state() State { return stateOf(b.library.State()) }

// lately counts the last calls that were made.
func (b *breaker) lately() (calls, fails int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.window.calls, b.window.fails
}

// window remembers how the last [windowCalls] calls went, whatever the breaker
// made of them.
type window struct {
	failed [windowCalls]bool
	next   int
	calls  int
	fails  int
}

func (w *window) add(failed bool) {
	if w.calls < windowCalls {
		w.calls++
	} else if w.failed[w.next] {
		w.fails--
	}
	if failed {
		w.fails++
	}
	w.failed[w.next] = failed
	w.next = (w.next + 1) % windowCalls
}
