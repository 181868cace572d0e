package resilience

import (
	"sync"

	"orderflow/internal/breaker"
)

// State is the state of a breaker.
type State = breaker.State

// The states.
const (
	Closed   = breaker.Closed
	Open     = breaker.Open
	HalfOpen = breaker.HalfOpen
)

// window remembers how the last [windowCalls] calls went, whatever the breaker
// made of them.
type window struct {
	mu     sync.Mutex
	failed [windowCalls]bool
	next   int
	calls  int
	fails  int
}

func (w *window) add(failed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
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

// lately counts the last calls that were made.
func (w *window) lately() (calls, fails int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls, w.fails
}
