package broadcast_test

import (
	"sync"
	"testing"

	"orderflow/internal/broadcast"
)

func TestSendWakesAllWaiters(t *testing.T) {
	var s broadcast.Signal
	s.Send() // nobody waits: it is not remembered
	first, second := s.Wait(), s.Wait()
	if closed(first) || closed(second) {
		t.Fatal("a waiter was woken by a Send from before its Wait")
	}
	s.Send()
	if !closed(first) || !closed(second) {
		t.Error("Send did not wake every waiter")
	}
	if third := s.Wait(); closed(third) {
		t.Error("a Wait after the Send was woken by it")
	}
}

// TestNoChangeIsMissed counts up in one goroutine; the others must all see the last number.
func TestNoChangeIsMissed(*testing.T) {
	const last = 1_000
	var (
		s   broadcast.Signal
		mu  sync.Mutex
		n   int
		all sync.WaitGroup
	)
	for range 4 {
		all.Go(func() {
			for {
				changed := s.Wait()
				mu.Lock()
				seen := n
				mu.Unlock()
				if seen == last {
					return
				}
				<-changed
			}
		})
	}
	for range last {
		mu.Lock()
		n++
		mu.Unlock()
		s.Send()
	}
	all.Wait()
}

func TestSendWithoutWaitersAllocatesNothing(t *testing.T) {
	var s broadcast.Signal
	if n := testing.AllocsPerRun(100, s.Send); n != 0 {
		t.Errorf("Send allocates %v times", n)
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
