// Package backoff has one policy for all waits between tries: each is twice the
// one before, up to a limit.
//
// Where the number of failed tries is kept with the work, such as in an event,
// [Policy.Pause] returns the wait that belongs to it. Where a loop tries again, the
// library's [Sequence] counts. Both give the same waits.
package backoff

import (
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// multiplier is how much longer each wait is than the one before.
const multiplier = 2

// Policy is the first and the longest wait. A Last of 0 is no limit but that of a
// time.Duration.
type Policy struct{ First, Last time.Duration }

// Pause returns the wait after failed tries, of which there were n before: Pause(0)
// is First. A negative n counts as 0.
func (p Policy) Pause(n int) time.Duration {
	d := p.First
	for ; n > 0; n-- {
		if d >= p.last()/multiplier {
			return p.last()
		}
		d *= multiplier
	}
	return min(d, p.last())
}

// Jittered returns between half of Pause(n) and all of it by chance, so that callers
// that failed together do not come again together.
func (p Policy) Jittered(n int) time.Duration {
	d := p.Pause(n)
	return d/2 + rand.N(d/2+1) //nolint:gosec // chance spreads load here, it keeps no secret
}

// Spread returns Pause(n) and up to a quarter more. The part added depends on key
// alone: who tries again decides the same time twice.
func (p Policy) Spread(n int, key string) time.Duration {
	const parts, most = 256, 1024
	h := fnv.New32a()
	_, _ = h.Write([]byte(key)) // a hash does not fail
	d := p.Pause(n)
	return d + d*time.Duration(h.Sum32()%parts)/most
}

// Sequence is the waits of one loop that tries again: NextBackOff returns the next
// one, and Reset begins again with the first. It is not safe for concurrent use.
type Sequence = backoff.ExponentialBackOff

// Sequence returns Pause(0), Pause(1) and so on.
func (p Policy) Sequence() *Sequence {
	return &Sequence{InitialInterval: p.First, Multiplier: multiplier, MaxInterval: p.last()}
}

func (p Policy) last() time.Duration {
	const longest time.Duration = 1<<63 - 1
	if p.Last <= 0 {
		return longest
	}
	return p.Last
}
