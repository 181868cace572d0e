package pool_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"orderflow/internal/pool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAllWorkIsDone(t *testing.T) {
	const pieces = 2_000
	var done atomic.Int64
	p := pool.New(func(n int) { done.Add(int64(n)) })
	release := p.Hold()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range pieces {
				p.Run(1)
			}
		})
	}
	all.Wait()
	release()
	if p.Wait(); done.Load() != 4*pieces {
		t.Errorf("%d of %d pieces of work were done", done.Load(), 4*pieces)
	}
}

// TestWorkersAreUsedAgain runs one piece after the other: under a hold in one
// goroutine, otherwise in a new one each, which leaves none behind.
func TestWorkersAreUsedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		hold    bool
		workers int
	}{"held": {true, 1}, "not held": {false, 5}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				goroutines := map[string]bool{}
				p := pool.New(func(struct{}) { goroutines[goroutine()] = true })
				release := func() {}
				if c.hold {
					release = p.Hold()
				}
				for range 5 {
					p.Run(struct{}{})
					synctest.Wait()
				}
				if len(goroutines) != c.workers {
					t.Errorf("%d goroutines did the work, want %d", len(goroutines), c.workers)
				}
				release()
				p.Wait()
			})
		})
	}
}

// TestIdleWorkersAreBounded does more at once than may be idle afterwards, twice, and
// counts the goroutines that did both.
func TestIdleWorkersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		rounds := map[string]int{}
		p := pool.New(func(gate chan struct{}) {
			mu.Lock()
			rounds[goroutine()]++
			mu.Unlock()
			<-gate
		})
		release := p.Hold()
		for range 2 {
			gate := make(chan struct{})
			for range 2 * pool.MaxIdle {
				p.Run(gate)
			}
			synctest.Wait()
			close(gate)
			synctest.Wait()
		}
		again := 0
		for _, n := range rounds {
			again += n - 1
		}
		if len(rounds) != 3*pool.MaxIdle || again != pool.MaxIdle {
			t.Errorf("%d goroutines, and %d of them worked again, want %d", len(rounds), again, pool.MaxIdle)
		}
		release()
		p.Wait()
	})
}

// goroutine returns the header of this goroutine's stack, such as "goroutine 7 [running]:".
func goroutine() string {
	b := make([]byte, 64)
	b = b[:runtime.Stack(b, false)]
	for i, c := range b {
		if c == '[' {
			return string(b[:i])
		}
	}
	return string(b)
}
