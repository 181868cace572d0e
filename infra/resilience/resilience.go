// Package resilience stands between the sagas and the outside: every call to a
// payment gateway or a carrier passes a bulkhead, a breaker and a timeout.
//
//	call ─▶ bulkhead (a slot, or wait a little) ─▶ breaker (closed?) ─▶ timeout ─▶ provider
//	            │ full: bulkhead_full                  │ open: circuit_open    │ late: timeout
//	            ▼ Unavailable                          ▼ Unavailable           ▼ Unknown
//
// The bulkhead comes first, so that whoever waited for a slot while the
// breaker opened is told so and does not call. A provider's business answer,
// such as a declined card, is a success here: the provider works.
package resilience

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"orderflow/domain"
)

// Defaults of [Options].
const (
	// DefaultFailures is how many calls fail in a row before the breaker opens.
	DefaultFailures = 10
	// DefaultOpenFor is how long the breaker stays open before it tries one call.
	DefaultOpenFor = 30 * time.Second
	// DefaultConcurrent is how many calls to one provider run at once.
	DefaultConcurrent = 20
	// DefaultTimeout is how long one call may take.
	DefaultTimeout = 2 * time.Second
	// DefaultMaxWait is how long a call waits for a slot. A slow provider takes
	// its timeout per call, so this lets a few rounds pass; the sagas' lanes
	// bound how many wait.
	DefaultMaxWait = 5 * time.Second
)

// The reasons this package adds, as events and metrics name them.
const (
	CircuitOpen  = "circuit_open"
	BulkheadFull = "bulkhead_full"
	Timeout      = "timeout"
)

// Options set the limits of one provider; zero fields take the defaults.
type Options struct {
	Failures   uint
	OpenFor    time.Duration
	Concurrent uint
	Timeout    time.Duration
	MaxWait    time.Duration
	Observer   Observer
}

// Observer is told what happens; nil funcs are not called.
type Observer struct {
	Called       func(provider, op, result string, took time.Duration) // result: "ok", a kind, or a reason of this package
	StateChanged func(provider string, from, to State)
}

// State is the breaker's state as it is measured: 0 closed, 0.5 half open, 1 open.
type State float64

// The states of a breaker.
const (
	Closed   State = 0
	HalfOpen State = 0.5
	Open     State = 1
)

// Guard is the bulkhead, breaker and timeout of one provider.
type Guard struct {
	provider string
	o        Options
	breaker  circuitbreaker.CircuitBreaker[any]
	bulkhead bulkhead.Bulkhead[any]
	inUse    atomic.Int64
	failed   atomic.Int64
	called   atomic.Int64
}

// NewGuard returns a guard for the provider of that name.
func NewGuard(provider string, o Options) *Guard {
	if o.Failures == 0 {
		o.Failures = DefaultFailures
	}
	if o.OpenFor == 0 {
		o.OpenFor = DefaultOpenFor
	}
	if o.Concurrent == 0 {
		o.Concurrent = DefaultConcurrent
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.MaxWait == 0 {
		o.MaxWait = DefaultMaxWait
	}
	g := &Guard{provider: provider, o: o, bulkhead: bulkhead.New[any](o.Concurrent)}
	g.breaker = circuitbreaker.NewBuilder[any]().
		WithFailureThreshold(o.Failures).
		WithDelay(o.OpenFor).
		WithSuccessThreshold(1).
		OnStateChanged(func(e circuitbreaker.StateChangedEvent) {
			if o.Observer.StateChanged != nil {
				o.Observer.StateChanged(provider, stateOf(e.OldState), stateOf(e.NewState))
			}
		}).
		Build()
	return g
}

// Do makes one call. Its errors have the kinds that the sagas' ports name;
// fail turns a reason of this package into the port's failure.
func (g *Guard) Do(ctx context.Context, op string, fail func(reason string) error, call func(context.Context) error) error {
	start := time.Now()
	result, err := g.do(ctx, fail, call)
	if g.o.Observer.Called != nil {
		g.o.Observer.Called(g.provider, op, result, time.Since(start))
	}
	return err
}

func (g *Guard) do(ctx context.Context, fail func(string) error, call func(context.Context) error) (result string, err error) {
	if err := g.bulkhead.AcquirePermitWithMaxWait(ctx, g.o.MaxWait); err != nil {
		if ctx.Err() != nil {
			return "cancelled", domain.Wrap(domain.Unavailable, ctx.Err(), "%s was not called", g.provider)
		}
		return BulkheadFull, domain.Wrap(domain.Unavailable, fail(BulkheadFull), "%s has %d calls under way", g.provider, g.o.Concurrent)
	}
	defer g.bulkhead.ReleasePermit()
	if !g.breaker.TryAcquirePermit() {
		return CircuitOpen, domain.Wrap(domain.Unavailable, fail(CircuitOpen), "%s is not called: too many calls failed", g.provider)
	}
	g.inUse.Add(1)
	defer g.inUse.Add(-1)
	g.called.Add(1)
	limited, cancel := context.WithTimeout(ctx, g.o.Timeout)
	defer cancel()
	err = call(limited)
	if err == nil || answered(err) {
		g.breaker.RecordSuccess()
		if err != nil {
			return domain.KindOf(err).String(), err
		}
		return "ok", nil
	}
	g.failed.Add(1)
	g.breaker.RecordFailure()
	if errors.Is(limited.Err(), context.DeadlineExceeded) && ctx.Err() == nil {
		return Timeout, domain.Wrap(domain.Unknown, fail(Timeout), "%s gave no answer within %s", g.provider, g.o.Timeout)
	}
	return domain.KindOf(err).String(), err
}

// answered says whether an error is the provider's own word.
func answered(err error) bool {
	switch domain.KindOf(err) {
	case domain.Rejected, domain.NotFound, domain.Invalid, domain.Mismatch:
		return true
	case domain.Internal, domain.Conflict, domain.Unavailable, domain.Unknown, domain.Exhausted, domain.ReadOnly:
	}
	return false
}

// Ready tells whether a call would be refused now because the breaker is open,
// and when the breaker will try again.
func (g *Guard) Ready() (reason string, retryAt time.Time, ok bool) {
	if left := g.breaker.RemainingDelay(); g.breaker.IsOpen() && left > 0 {
		return CircuitOpen, time.Now().Add(left), false
	}
	return "", time.Time{}, true
}

// Figures are what the health monitor shows of a guard.
type Figures struct {
	State        State
	FailureCount int64   // calls that failed since the start
	SuccessRate  float64 // 0 to 1, of the calls since the start; 1 before the first
	InUse, Total int64   // slots of the bulkhead
}

// Figures returns the guard's figures as they are now.
func (g *Guard) Figures() Figures {
	f := Figures{
		State: stateOf(g.breaker.State()), FailureCount: g.failed.Load(), SuccessRate: 1,
		InUse: g.inUse.Load(), Total: int64(g.o.Concurrent), //nolint:gosec // a handful of slots
	}
	if called := g.called.Load(); called > 0 {
		f.SuccessRate = 1 - float64(f.FailureCount)/float64(called)
	}
	return f
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
