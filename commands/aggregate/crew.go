package aggregate

import "sync"

// maxIdle bounds the goroutines that one Aggregate keeps for the next round.
const maxIdle = 128

// crew does work in goroutines that it keeps for the next, as long as there is
// any: a new one has to grow its stack, step by step, which costs as much as
// deciding. When nothing is left to do, nobody is left.
type crew[T any] struct {
	next chan T // to whoever is idle

	mu      sync.Mutex
	working int
	idle    int
	home    chan struct{} // closed and replaced when nobody works
}

func newCrew[T any]() *crew[T] {
	return &crew[T]{next: make(chan T), home: make(chan struct{})}
}

// take does one piece of work and returns at once.
func (c *crew[T]) take(work T, do func(T)) {
	c.mu.Lock()
	c.working++
	c.mu.Unlock()
	select {
	case c.next <- work:
	default:
		go func() {
			for again := true; again; work, again = c.rest() {
				do(work)
			}
		}()
	}
}

// rest waits for the next piece of work; false means to go home.
func (c *crew[T]) rest() (work T, ok bool) {
	home, stay := c.done()
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
func (c *crew[T]) done() (home <-chan struct{}, stay bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.working--
	if c.working == 0 {
		close(c.home)
		c.home = make(chan struct{})
		return nil, false
	}
	if c.idle == maxIdle {
		return nil, false
	}
	c.idle++
	return c.home, true
}
