package redis

import (
	"time"

	"orderflow/internal/breaker"
)

const (
	// maxFailures is how many calls in a row fail before the breaker opens: one
	// or two are a lost connection.
	maxFailures = 5
	// openFor is how long the breaker stays open: a Redis that does not answer
	// then costs each process one timeout a second.
	openFor = time.Second
)

// newBreakers returns a breaker for each group of keys of a cluster, or the one of a
// single node.
func newBreakers(cluster bool) []*breaker.Breaker {
	all := make([]*breaker.Breaker, 1, breakerCount)
	if cluster {
		all = all[:breakerCount]
	}
	for i := range all {
		all[i] = breaker.New(breaker.Options{Failures: maxFailures, OpenFor: openFor})
	}
	return all
}

// breaker returns the breaker of a group of keys.
func (r *Redis) breaker(i int) *breaker.Breaker { return r.breakers[i%len(r.breakers)] }
