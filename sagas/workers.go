package sagas

import (
	"context"
	"sync"
	"sync/atomic"

	"orderflow/domain"
)

// maxIdle bounds the goroutines that are kept for the next look.
const maxIdle = 128

// task is a look at an order that has a lane.
type task struct {
	order domain.OrderID
	tries int // failed looks so far
}

// crew looks at orders in goroutines that it keeps for the next: a new one has
// to grow its stack, step by step, which costs more than many a look.
type workerPool struct {
	next chan task // to whoever is idle
	idle atomic.Int64
}

func newWorkerPool() *workerPool { return &workerPool{next: make(chan task)} }

// take does a task in a goroutine that all counts, and returns at once. A
// goroutine without a task waits for one until ctx is done.
func (c *workerPool) run(ctx context.Context, all *sync.WaitGroup, t task, do func(context.Context, task)) {
	select {
	case c.next <- t:
	default:
		all.Go(func() {
			for again := true; again; t, again = c.awaitTask(ctx) {
				do(ctx, t)
			}
		})
	}
}

// rest waits for the next task; false means that there is none.
func (c *workerPool) awaitTask(ctx context.Context) (t task, ok bool) {
	defer c.idle.Add(-1)
	if c.idle.Add(1) > maxIdle {
		return t, false
	}
	select {
	case t = <-c.next:
		return t, true
	case <-ctx.Done():
		return t, false
	}
}
