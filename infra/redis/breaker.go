package redis

import (
	"sync"
	"time"
)

const (
	// maxFailures is how many calls in a row fail before Redis is left alone:
	// one or two are a connection that was lost.
	maxFailures = 5
	// leaveAlone is for how long: a Redis that does not answer then costs each
	// process one timeout a second.
	leaveAlone = time.Second
)

// breaker stops calls that would fail. The zero value lets all through.
type breaker struct {
	mu       sync.Mutex
	failures int // in a row
	until    time.Time
	trying   bool // one call looks whether it is well again
}

func (b *breaker) allow(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures < maxFailures {
		return true
	}
	if b.trying || now.Before(b.until) {
		return false
	}
	b.trying = true
	return true
}

func (b *breaker) succeeded() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures, b.trying = 0, false
}

func (b *breaker) failed(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures++
	b.trying = false
	b.until = now.Add(leaveAlone)
}

func (b *breaker) learnedNothing() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trying = false
}
