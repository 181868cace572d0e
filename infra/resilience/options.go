package resilience

import (
	"cmp"
	"time"
)

// Defaults of [Options].
const (
	DefaultFailures   = 10
	DefaultOpenFor    = 30 * time.Second
	DefaultConcurrent = 20
	DefaultTimeout    = 2 * time.Second

	// DefaultMaxWait bounds the time in the queue for a slot. Refusing at once
	// would defer nearly every order of a burst: at thousands of orders a second
	// 20 slots are always taken for some milliseconds. It is longer than a
	// timeout, so that who queues behind calls that hang sees the breaker open
	// and is deferred for the true reason.
	DefaultMaxWait = 5 * time.Second
	// DefaultMaxWaiting bounds the callers in that queue: 20 slots serve as many
	// within DefaultMaxWait at 25 ms a call, so that who joins has a chance.
	DefaultMaxWaiting = 4_000

	// windowCalls is how many of the last calls Failures and SuccessRate of
	// [Status] speak of: above 50 failures more than half went wrong.
	windowCalls = 100
)

// Options are the limits of one provider. Zero means the default.
type Options struct {
	Name       string        // of the provider in errors; default "provider"
	Failures   uint          // calls failed in a row that open the breaker; default 10
	OpenFor    time.Duration // until an open breaker lets one call try; default 30 s
	Concurrent uint          // calls at once; default 20
	MaxWait    time.Duration // for a slot; default 5 s; negative: do not wait
	MaxWaiting int           // callers that wait for a slot; default 4,000
	Timeout    time.Duration // of one call, queueing not included; default 2 s
	Observer   Observer
}

// Observer is told what happens, on the caller's goroutine: it must be quick.
// Any of its functions may be nil.
type Observer struct {
	// Called follows every call: the operation ("capture", "book", …), its
	// result ("success", the reason of a failure such as "timeout" or
	// "circuit_open", or a kind) and the time it took, queueing included.
	Called func(op, result string, took time.Duration)
	// BreakerChanged follows a change of state.
	BreakerChanged func(from, to State)
}

func (o Options) withDefaults() Options {
	o.Name = cmp.Or(o.Name, "provider")
	o.Failures = cmp.Or(o.Failures, DefaultFailures)
	o.OpenFor = cmp.Or(o.OpenFor, DefaultOpenFor)
	o.Concurrent = cmp.Or(o.Concurrent, DefaultConcurrent)
	o.MaxWait = cmp.Or(o.MaxWait, DefaultMaxWait)
	o.MaxWaiting = cmp.Or(o.MaxWaiting, DefaultMaxWaiting)
	o.Timeout = cmp.Or(o.Timeout, DefaultTimeout)
	if o.Observer.Called == nil {
		o.Observer.Called = func(string, string, time.Duration) {}
	}
	if o.Observer.BreakerChanged == nil {
		o.Observer.BreakerChanged = func(State, State) {}
	}
	return o
}
