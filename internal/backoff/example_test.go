package backoff_test

import (
	"fmt"
	"time"

	"orderflow/internal/backoff"
)

// The number of failed tries is stored with the work, so Pause returns the wait that
// follows them. A loop counts by itself with a Sequence and gets the same waits.
func Example() {
	policy := backoff.Policy{First: time.Second, Last: 5 * time.Second}
	waits := policy.Sequence()
	for failed := range 4 {
		fmt.Println(policy.Pause(failed), waits.NextBackOff())
	}
	waits.Reset() // a try succeeded
	fmt.Println("after a success:", waits.NextBackOff())
	// Output:
	// 1s 1s
	// 2s 2s
	// 4s 4s
	// 5s 5s
	// after a success: 1s
}

// Spread gives two orders that failed together different waits, and gives one order
// the same wait each time it is computed. Jittered chooses by chance.
func ExamplePolicy_Spread() {
	policy := backoff.Policy{First: time.Second, Last: time.Minute}
	first, again := policy.Spread(3, "ord_1"), policy.Spread(3, "ord_1")
	fmt.Println(first == again)
	fmt.Println(first == policy.Spread(3, "ord_2"))
	wait := policy.Jittered(3)
	fmt.Println(wait >= 4*time.Second && wait <= 8*time.Second)
	// Output:
	// true
	// false
	// true
}
