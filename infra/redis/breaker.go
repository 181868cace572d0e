package redis

import (
	"sync"
	"time"
)

const (
	// maxFailures is how many calls in a row fail before the breaker opens: one
	// or two are a lost connection.
	maxFailures = 5
	// openFor is how long the breaker stays open: a Redis that does not answer
	// then costs each process one timeout a second.
	openFor = time.Second
)

// breaker is a circuit breaker: it skips calls that would fail. The zero value is closed.
type breaker struct {
	mu        sync.Mutex
	failures  int // in a row
	openUntil time.Time
	halfOpen  bool // one call is probing Redis
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

// abandon ends a call that says nothing about Redis: its caller went away.
func (b *breaker) abandon() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.halfOpen = false
}
