package telemetry

import (
	"sync"
	"time"
)

// lagClock tells the lag of readers of the log also while the log does not answer: then
// nobody can say how old the oldest event is that was not applied, and the last figure
// grows with the time since. A lag that vanished or stood still would hide an outage.
type lagClock struct {
	mu   sync.Mutex
	last map[string]seenLag
}

// seenLag is a lag, and when it was known.
type seenLag struct {
	lag time.Duration
	at  time.Time
}

// known notes the lag of a reader, and returns it.
func (c *lagClock) known(reader string, lag time.Duration, now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil {
		c.last = map[string]seenLag{}
	}
	c.last[reader] = seenLag{lag, now}
	return lag
}

// unknown returns the last lag of a reader and the time since; ok is false if there was none.
func (c *lagClock) unknown(reader string, now time.Time) (lag time.Duration, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.last[reader]
	if !ok {
		return 0, false
	}
	return s.lag + max(0, now.Sub(s.at)), true
}

// readers lists the readers whose lag was known once.
func (c *lagClock) readers() (all []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for reader := range c.last {
		all = append(all, reader)
	}
	return all
}
