package eventstoredb

import (
	"time"

	"orderflow/domain"
)

// Hooks are told what the adapter does, for metrics. Nil ones are not called;
// they must not block.
type Hooks struct {
	// Appended: an append is durable; bytes is data and metadata.
	Appended func(events, bytes int, took time.Duration)
	// Read: a page of so many events came, or a reading of all ended after so many.
	Read func(events int, took time.Duration)
	// Retried: an operation ("append", "read", "subscribe") is done again after
	// a failure of this kind.
	Retried func(operation string, kind domain.Kind)
	// Connected: a new client found a node.
	Connected func()
	// Dropped: a subscription ended and goes on from where it was.
	Dropped func(kind domain.Kind)
	// Failed: an operation gave up with an error of this kind. Conflicts are
	// failures too.
	Failed func(operation string, kind domain.Kind)
}

func (h Hooks) withDefaults() Hooks {
	if h.Appended == nil {
		h.Appended = func(int, int, time.Duration) {}
	}
	if h.Read == nil {
		h.Read = func(int, time.Duration) {}
	}
	if h.Retried == nil {
		h.Retried = func(string, domain.Kind) {}
	}
	if h.Connected == nil {
		h.Connected = func() {}
	}
	if h.Dropped == nil {
		h.Dropped = func(domain.Kind) {}
	}
	if h.Failed == nil {
		h.Failed = func(string, domain.Kind) {}
	}
	return h
}
