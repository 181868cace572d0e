package pool_test

import (
	"fmt"
	"sync/atomic"

	"orderflow/internal/pool"
)

// A pool adds up the lines of an order in goroutines. The hold keeps idle workers, so
// that the second batch can use the goroutines of the first.
func Example() {
	var total atomic.Int64
	workers := pool.New(func(pence int64) { total.Add(pence) })
	release := workers.Hold()
	for range 2 {
		for _, pence := range []int64{250, 300, 450} {
			workers.Run(pence)
		}
	}
	release()
	workers.Wait()
	fmt.Println(total.Load(), "pence")
	// Output: 2000 pence
}
