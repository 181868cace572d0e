package pause_test

import (
	"context"
	"fmt"
	"time"

	"orderflow/internal/pause"
)

// A loop polls once an hour. Work that arrives ends the pause early, and the end of the
// context ends the loop.
func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	arrived := make(chan struct{}, 1)
	arrived <- struct{}{}

	for polls := 1; pause.Until(ctx, time.Hour, arrived); polls++ {
		fmt.Println("poll", polls)
		if polls == 2 {
			stop()
			continue
		}
		arrived <- struct{}{}
	}
	fmt.Println(pause.For(ctx, time.Hour))
	// Output:
	// poll 1
	// poll 2
	// context canceled
}
