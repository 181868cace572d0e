package broadcast_test

import (
	"fmt"
	"sync"
	"sync/atomic"

	"orderflow/internal/broadcast"
)

// Two readers wait until a log has an event. They look at the log after Wait, so that
// they miss no Send.
func Example() {
	var (
		events  atomic.Int64
		grown   broadcast.Signal
		readers sync.WaitGroup
	)
	for range 2 {
		readers.Go(func() {
			changed := grown.Wait()
			for events.Load() == 0 {
				<-changed
				changed = grown.Wait()
			}
			fmt.Println("a reader has", events.Load(), "event")
		})
	}
	events.Add(1)
	grown.Send()
	readers.Wait()
	// Output:
	// a reader has 1 event
	// a reader has 1 event
}
