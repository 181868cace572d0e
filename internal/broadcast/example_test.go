package broadcast_test

import (
	"fmt"
	"sync"
	"sync/atomic"

	"orderflow/internal/broadcast"
)

// Two readers look at an empty log and wait for an event. Each calls Wait before it
// looks, so that it misses no Send; one Send wakes both.
func Example() {
	var (
		events  atomic.Int64
		grown   broadcast.Signal
		readers sync.WaitGroup
	)
	for range 2 {
		changed := grown.Wait()
		fmt.Println("a reader sees", events.Load())
		readers.Go(func() {
			<-changed
			fmt.Println("a reader sees", events.Load())
		})
	}
	events.Add(1)
	grown.Send()
	readers.Wait()
	// Output:
	// a reader sees 0
	// a reader sees 0
	// a reader sees 1
	// a reader sees 1
}
