package aggregate

import (
	"runtime"

	"orderflow/domain/eventlog"
)

// AwaitWaiting returns when n commands queue for a stream. It is for tests
// that need a group to be complete before it is decided.
func AwaitWaiting[S any, E eventlog.Typed](a *Aggregate[S, E], s eventlog.Stream, n int) {
	for c := a.cache.find(s); ; runtime.Gosched() {
		c.mu.Lock()
		waiting := len(c.waiting)
		c.mu.Unlock()
		if waiting >= n {
			return
		}
	}
}
