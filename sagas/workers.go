package sagas

import (
	"context"
	"sync"
	"sync/atomic"

	"orderflow/domain"
)

// maxIdle bounds the idle goroutines that are kept.
const maxIdle = 128

// task is an order to react to; it has a lane.
type task struct {
	order domain.OrderID
	tries int  // failed reactions so far
	retry bool // the cause for which it waited may be gone
}

// workerPool reuses goroutines: a new one has to grow its stack step by step, which
// costs more than most reactions.
type workerPool struct {
	next chan task // received by idle workers
	idle atomic.Int64
}

func newWorkerPool() *workerPool { return &workerPool{next: make(chan task)} }

// run does a task in a goroutine that all counts, and returns at once. An idle
// worker waits for another task until ctx is done.
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

// awaitTask waits for the next task. False tells the worker to exit.
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
