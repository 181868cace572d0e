// Package providertest has what the contract suites of payment gateways and of carriers
// share: the faults of a provider, and calls that go wrong or are made at once.
package providertest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"orderflow/domain"
)

// Fault is a way in which a call goes wrong.
type Fault string

// The faults, with what the contracts say of each.
const (
	Refused Fault = "refused" // Unavailable, without an effect
	Failed  Fault = "failed"  // Unknown, without an effect
	Lost    Fault = "lost"    // Unknown, with an effect
	Hung    Fault = "hung"    // no reply until the caller gives up; then Unknown, without an effect
	Decline Fault = "decline" // Rejected, without an effect
)

// Transient lists the faults after which the same call can be made again.
func Transient() []Fault { return []Fault{Refused, Failed, Lost, Hung} }

// Next makes the next call of an operation go wrong. The channel that it returns is
// closed when the provider has received that call.
type Next func(op string, f Fault) (received <-chan struct{})

// Wrong makes a call go wrong and checks its error, whose reason is a Reason. A call that
// hangs is given up once the provider has it.
func Wrong[Reason error](t *testing.T, next Next, op string, f Fault, call func(context.Context) error) {
	t.Helper()
	received := next(op, f)
	if f != Hung {
		Fails[Reason](t, "a "+op+" that is "+string(f), call(t.Context()), map[Fault]domain.Kind{
			Refused: domain.Unavailable, Failed: domain.Unknown, Lost: domain.Unknown, Decline: domain.Rejected,
		}[f])
		return
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- call(ctx) }()
	select {
	case <-received:
	case err := <-done:
		t.Fatalf("a %s that hangs ends with %v before the provider has it", op, err)
	}
	select {
	case err := <-done:
		t.Fatalf("a %s that hangs ends with %v before its caller gives up", op, err)
	default:
	}
	cancel()
	Fails[Reason](t, "a "+op+" that hangs", <-done, domain.Unknown)
}

// Fails checks that an error has one of the kinds, and a reason inside that is not empty.
func Fails[Reason error](t *testing.T, what string, err error, kinds ...domain.Kind) {
	t.Helper()
	if err == nil {
		t.Fatalf("%s succeeds; it must fail with %v", what, kinds)
	}
	if reason, ok := errors.AsType[Reason](err); !ok || reason.Error() == "" {
		t.Fatalf("%s: the error has no %T with a reason: %v", what, reason, err)
	}
	for _, k := range kinds {
		if domain.KindOf(err) == k {
			return
		}
	}
	t.Fatalf("%s: %v is %s, not %v", what, err, domain.KindOf(err), kinds)
}

// callers is how many call at the same time: more than a bulkhead has slots.
const callers = 64

// Together makes one call per caller, all at once, and returns the results in the
// order of the callers.
func Together[R any](call func(n int) R) []R {
	results, begin := make([]R, callers), make(chan struct{})
	var running sync.WaitGroup
	for n := range callers {
		running.Go(func() {
			<-begin
			results[n] = call(n)
		})
	}
	close(begin)
	running.Wait()
	return results
}
