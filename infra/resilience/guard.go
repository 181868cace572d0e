package resilience

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/timeout"

	"orderflow/domain"
	"orderflow/internal/breaker"
)

// The reasons of refusals and failures that arise here. They are stored in
// events: append only.
const (
	ReasonCircuitOpen  = "circuit_open"
	ReasonBulkheadFull = "bulkhead_full"
	ReasonTimeout      = "timeout"
	ReasonCanceled     = "canceled"
	ReasonGatewayError = "gateway_error" // an error that is none of the port's
)

// success is the result of a call that went well, as observers are told it.
const success = "success"

// Guard is the breaker, bulkhead and timeout of one provider, shared by all
// its operations.
type Guard struct {
	options Options
	words   words
	breaker *breaker.Breaker
	closed  chan struct{} // signalled when the breaker has closed
	window  window
	slots   bulkhead.Bulkhead[any]
	inUse   atomic.Int64
	waiting atomic.Int64
}

// words are a port's functions to attach a reason to an error and to read it back.
type words struct {
	failure func(reason string) error
	reason  func(error) (string, bool)
}

func newGuard(o Options, w words) *Guard {
	o = o.withDefaults()
	closed, told := make(chan struct{}, 1), o.Observer.BreakerChanged
	o.Observer.BreakerChanged = func(from, to State) {
		if to == Closed {
			select {
			case closed <- struct{}{}:
			default: // signalled already
			}
		}
		told(from, to)
	}
	b := breaker.New(breaker.Options{Failures: o.Failures, OpenFor: o.OpenFor, Changed: o.Observer.BreakerChanged})
	return &Guard{options: o, words: w, breaker: b, closed: closed, slots: bulkhead.New[any](o.Concurrent)}
}

// State returns the breaker's state. An open one stays open until a call tries it.
func (g *Guard) State() State { return g.breaker.State() }

// RetryAfter returns how long the breaker will refuse every call; 0 when it would not.
func (g *Guard) RetryAfter() time.Duration { return g.breaker.RetryAfter(g.options.Timeout) }

// Ready reports whether a call made now would get past the breaker. If not, the
// reason is the one the call would fail with, and retryAt when to come back.
// Another caller may still be first: the answer saves work, it promises nothing.
func (g *Guard) Ready() (reason string, retryAt time.Time, ok bool) {
	if wait := g.RetryAfter(); wait > 0 {
		return ReasonCircuitOpen, time.Now().Add(wait), false
	}
	return "", time.Time{}, true
}

// Status is a provider's condition at one moment, for gauges.
type Status struct {
	State       State
	RetryAfter  time.Duration
	Slots       int     // of the bulkhead
	InUse       int     // of them
	Waiting     int     // callers that queue for one
	Failures    int     // among the last 100 calls that were made
	SuccessRate float64 // among the same; 1 before the first
}

// Status reads the gauges.
func (g *Guard) Status() Status {
	calls, fails := g.window.lately()
	s := Status{
		State: g.State(), RetryAfter: g.RetryAfter(),
		Slots: int(g.options.Concurrent), InUse: int(g.inUse.Load()), Waiting: int(g.waiting.Load()), //nolint:gosec // a configured number of slots
		Failures: fails, SuccessRate: 1,
	}
	if calls > 0 {
		s.SuccessRate = float64(calls-fails) / float64(calls)
	}
	return s
}

// call makes one guarded call and tells the observer.
func call[R any](ctx context.Context, g *Guard, op string, ask func(context.Context) (R, error)) (R, error) {
	start := time.Now()
	result, err := guarded(ctx, g, ask)
	g.options.Observer.Called(op, g.label(err), time.Since(start))
	return result, err
}

func guarded[R any](ctx context.Context, g *Guard, ask func(context.Context) (R, error)) (result R, err error) {
	if _, _, ok := g.Ready(); !ok {
		return result, g.fail(domain.Unavailable, ReasonCircuitOpen, nil)
	}
	if err := g.enter(ctx); err != nil {
		return result, err
	}
	defer g.leave()
	leave, ok := g.breaker.Acquire()
	if !ok {
		return result, g.fail(domain.Unavailable, ReasonCircuitOpen, nil)
	}
	v := breaker.Failed
	defer func() { g.settle(leave, v) }()
	limit := timeout.New[R](g.options.Timeout)
	result, err = failsafe.With(limit).WithContext(ctx).GetWithExecution(func(e failsafe.Execution[R]) (R, error) {
		return ask(e.Context())
	})
	v, err = g.judge(ctx, err)
	return result, err
}

// settle ends a call that was made.
func (g *Guard) settle(p breaker.Permit, v breaker.Verdict) {
	if v != breaker.Reopen { // the caller went away first
		g.window.add(v == breaker.Failed)
	}
	g.breaker.Settle(p, v)
}

// enter takes a slot, queueing for it if need be. An error means that the
// provider was not called.
func (g *Guard) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return g.fail(domain.Unavailable, ReasonCanceled, err)
	}
	if !g.slots.TryAcquirePermit() {
		waiting := g.waiting.Add(1)
		defer g.waiting.Add(-1)
		if g.options.MaxWait < 0 || waiting > int64(g.options.MaxWaiting) {
			return g.fail(domain.Unavailable, ReasonBulkheadFull, nil)
		}
		switch err := g.slots.AcquirePermitWithMaxWait(ctx, g.options.MaxWait); {
		case errors.Is(err, bulkhead.ErrFull):
			return g.fail(domain.Unavailable, ReasonBulkheadFull, nil)
		case err != nil:
			return g.fail(domain.Unavailable, ReasonCanceled, err)
		}
	}
	g.inUse.Add(1)
	return nil
}

func (g *Guard) leave() {
	g.inUse.Add(-1)
	g.slots.ReleasePermit()
}

// judge returns what an outcome means for the breaker and puts errors that are
// not the port's own into the port's words. What is not understood may have
// had its effect.
func (g *Guard) judge(ctx context.Context, err error) (breaker.Verdict, error) {
	if errors.Is(err, timeout.ErrExceeded) {
		return breaker.Failed, g.fail(domain.Unknown, ReasonTimeout, err)
	}
	if err == nil {
		return breaker.Succeeded, nil
	}
	kind, v := domain.KindOf(err), breaker.Failed
	if ctx.Err() != nil {
		v = breaker.Reopen
	}
	switch {
	case kind == domain.Rejected, kind == domain.NotFound:
		return breaker.Succeeded, err
	case kind == domain.Unavailable, kind == domain.Unknown:
		return v, err
	case v == breaker.Reopen:
		return v, g.fail(domain.Unknown, ReasonCanceled, err)
	}
	return v, g.fail(domain.Unknown, ReasonGatewayError, err)
}

func (g *Guard) fail(kind domain.Kind, reason string, cause error) error {
	err := g.words.failure(reason)
	if cause != nil {
		err = errors.Join(err, cause)
	}
	if kind == domain.Unavailable {
		return domain.Wrap(kind, err, "The %s was not asked", g.options.Name)
	}
	return domain.Wrap(kind, err, "The %s gave no clear answer", g.options.Name)
}

func (g *Guard) label(err error) string {
	if err == nil {
		return success
	}
	if reason, ok := g.words.reason(err); ok {
		return reason
	}
	return domain.KindOf(err).String()
}
