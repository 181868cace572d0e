package telemetry

import (
	"sync"
	"time"
)

// lagClock tells the lag of readers of the log also while the log does not answer: then
// it is not known how old the oldest event is that was not applied, and the last figure
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

// known notes the lag of a reader.
func (c *lagClock) known(reader string, lag time.Duration, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil {
		c.last = map[string]seenLag{}
	}
	c.last[reader] = seenLag{lag, now}
}

// unknown returns the last lag of each reader and the time since.
func (c *lagClock) unknown(now time.Time) map[string]time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[string]time.Duration{}
	for reader, s := range c.last {
		all[reader] = s.lag + max(0, now.Sub(s.at))
	}
	return all
}
