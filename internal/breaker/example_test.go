package breaker_test

import (
	"fmt"
	"time"

	"orderflow/internal/breaker"
)

// Two failures in a row open the breaker, and the third call is not made.
func Example() {
	b := breaker.New(breaker.Options{
		Failures: 2, OpenFor: time.Hour,
		Changed: func(from, to breaker.State) { fmt.Println(from, "to", to) },
	})
	for n := range 3 {
		permit, ok := b.Acquire()
		if !ok {
			fmt.Println("call", n, "is skipped; try later:", b.RetryAfter(time.Second) > 0)
			continue
		}
		fmt.Println("call", n, "fails")
		b.Settle(permit, breaker.Failed)
	}
	// Output:
	// call 0 fails
	// call 1 fails
	// closed to open
	// call 2 is skipped; try later: true
}
