package aggregate

import "sync"

// maxIdle bounds the goroutines that one Aggregate keeps for the next round.
const maxIdle = 128

// crew does work in goroutines that it keeps for the next, as long as there is
// any: a new one has to grow its stack, step by step, which costs as much as
// deciding. When nothing is left to do, nobody is left.
type workerPool[T any] struct {
	next chan T // to whoever is idle

	mu      sync.Mutex
	working int
	idle    int
	drained chan struct{} // closed and replaced when nobody works
}

func newWorkerPool[T any]() *workerPool[T] {
	return &workerPool[T]{next: make(chan T), drained: make(chan struct{})}
}

// take does one piece of work and returns at once.
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

// rest waits for the next piece of work; false means to go home.
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

// done ends one's work; stay says to wait for more until home is closed.
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
