package redis

import (
	"sync"
	"time"
)

const (
	// maxFailures is how many calls in a row fail before Redis is left alone:
	// one or two are a connection that was lost.
	maxFailures = 5
	// openFor is for how long: a Redis that does not answer then costs each
	// process one timeout a second.
	openFor = time.Second
)

// breaker stops calls that would fail. The zero value lets all through.
type breaker struct {
	mu        sync.Mutex
	failures  int // in a row
	openUntil time.Time
	halfOpen  bool // one call looks whether it is well again
}

func (b *breaker) allow(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures < maxFailures {
		return true
	}
	if b.halfOpen || now.Before(b.openUntil) {
		return false
	}
	b.halfOpen = true
	return true
}

func (b *breaker) succeeded() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures, b.halfOpen = 0, false
}

func (b *breaker) failed(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures++
	b.halfOpen = false
	b.openUntil = now.Add(openFor)
}

func (b *breaker) abandon() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.halfOpen = false
}
