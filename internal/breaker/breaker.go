// Package breaker is the circuit breaker of failsafe-go with what that lacks: calls
// that say nothing about the other side, and answers that come too late to count.
package breaker

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

// Verdict is the meaning of a call's outcome for the breaker.
type Verdict uint8

// The verdicts.
const (
	Failed    Verdict = iota // also what a call that panics leaves behind
	Succeeded                // the other side answered
	Reopen                   // nothing was learned; a trial opens the breaker again
	TryNext                  // nothing was learned; after a trial the next call is the trial
)

// Options of a breaker.
type Options struct {
	Failures uint                 // calls failed in a row that open it
	OpenFor  time.Duration        // until an open one lets one call try
	Changed  func(from, to State) // called in order, outside of locks; may be nil
}

// Permit is the leave to make one call. It counts only in the epoch it was given in:
// the answer to a call made before the breaker opened must not settle the trial that
// decides whether it closes.
type Permit struct {
	epoch int
	trial bool
}

// Breaker skips calls that would fail. It is safe for concurrent use. One success
// closes it and one failure opens it again: a side that is down costs one call per
// OpenFor. Make one with [New].
type Breaker struct {
	changed func(from, to State)
	circuit circuitbreaker.CircuitBreaker[any]

	mu      sync.Mutex
	epoch   int       // counts changes of state
	trial   time.Time // when the trial under way began
	spare   bool      // the trial's permit was given back
	changes []change  // to be announced once mu is free
}

type change struct{ from, to State }

// New returns a closed breaker.
func New(o Options) *Breaker {
	b := &Breaker{changed: o.Changed}
	b.circuit = circuitbreaker.NewBuilder[any]().
		WithFailureThreshold(o.Failures).
		WithSuccessThreshold(1).
		WithDelay(o.OpenFor).
		OnStateChanged(func(e circuitbreaker.StateChangedEvent) {
			b.epoch++
			b.trial, b.spare = time.Time{}, false
			b.changes = append(b.changes, change{stateOf(e.OldState), stateOf(e.NewState)})
		}).
		Build()
	return b
}

// Acquire returns a permit, to be settled after the call, or false: the call must not
// be made.
func (b *Breaker) Acquire() (p Permit, ok bool) {
	b.locked(func() {
		ok = b.spare || b.circuit.TryAcquirePermit()
		p = Permit{epoch: b.epoch, trial: ok && b.circuit.IsHalfOpen()}
		if p.trial {
			b.trial, b.spare = time.Now(), false
		}
	})
	return p, ok
}

// Settle ends the call of a permit.
func (b *Breaker) Settle(p Permit, v Verdict) {
	b.locked(func() {
		switch {
		case p.epoch != b.epoch:
		case v == Succeeded:
			b.circuit.RecordSuccess()
		case v == Failed:
			b.circuit.RecordFailure()
		case p.trial && v == Reopen:
			b.circuit.Open()
		case p.trial:
			b.trial, b.spare = time.Time{}, true
		}
	})
}

// RetryAfter returns the time until a call may be tried, 0 when one may be now. A trial
// under way ends after timeout at the latest.
func (b *Breaker) RetryAfter(timeout time.Duration) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.trial.IsZero() {
		return max(timeout-time.Since(b.trial), time.Millisecond)
	}
	return b.circuit.RemainingDelay()
}

// State returns the state. An open breaker stays open until a call tries it.
func (b *Breaker) State() State { return stateOf(b.circuit.State()) }

// locked runs step alone and announces, in order, what it changed.
func (b *Breaker) locked(step func()) {
	b.mu.Lock()
	step()
	changes := b.changes
	b.changes = nil
	b.mu.Unlock()
	if b.changed == nil {
		return
	}
	for _, c := range changes {
		b.changed(c.from, c.to)
	}
}
