package resilience

import (
	"context"
	"time"
)

// TryEvery is how often an open breaker that would let a call try is given one.
const TryEvery = time.Second

// Retrier has work that waits until a provider can be called; a sagas.Driver is one.
type Retrier interface {
	RetryAll() // of its work, now
	RetryOne() // the piece that waits for the earliest time, now
}

// Watch retries the work of r as soon as it may succeed, until ctx is done: all of it
// when the breaker has closed, and one piece every TryEvery while an open breaker would
// let a call try. So work needs not wait out its own pauses after an outage.
func (g *Guard) Watch(ctx context.Context, r Retrier) error {
	try := time.NewTicker(TryEvery)
	defer try.Stop()
	for {
		select {
		case <-g.closed:
			r.RetryAll()
		case <-try.C:
			if _, _, ready := g.Ready(); ready && g.State() != Closed {
				r.RetryOne()
			}
		case <-ctx.Done():
			return nil
		}
	}
}
