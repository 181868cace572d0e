package aggregate

import "sync"

// maxIdle bounds the idle goroutines that one Aggregate keeps.
const maxIdle = 128

// workerPool reuses goroutines: a new one has to grow its stack step by step, which
// costs as much as deciding. Idle workers exit when no worker is busy.
type workerPool[T any] struct {
	next chan T // received by idle workers

	mu      sync.Mutex
	working int
	idle    int
	drained chan struct{} // closed and replaced when no worker is busy
}

func newWorkerPool[T any]() *workerPool[T] {
	return &workerPool[T]{next: make(chan T), drained: make(chan struct{})}
}

// run does work in a goroutine and returns at once.
func (c *workerPool[T]) run(work T, do func(T)) {
	c.mu.Lock()
	c.working++
	c.mu.Unlock()
	select {
	case c.next <- work:
	default:
		go func() {
			for again := true; again; work, again = c.awaitWork() {
				do(work)
			}
		}()
	}
}

// awaitWork waits for the next piece of work. False tells the worker to exit.
func (c *workerPool[T]) awaitWork() (work T, ok bool) {
	home, stay := c.finish()
	if !stay {
		return work, false
	}
	select {
	case work = <-c.next:
		ok = true
	case <-home:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle--
	return work, ok
}

// finish ends a piece of work. stay tells the worker to wait for more until drained
// is closed.
func (c *workerPool[T]) finish() (home <-chan struct{}, stay bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.working--
	if c.working == 0 {
		close(c.drained)
		c.drained = make(chan struct{})
		return nil, false
	}
	if c.idle == maxIdle {
		return nil, false
	}
	c.idle++
	return c.drained, true
}
