package priority_test

import (
	"fmt"

	"orderflow/internal/priority"
)

// retry is an order and the minute at which it is tried again.
type retry struct {
	order  string
	minute int
}

// Retries come out in the order of time. One is moved and one is removed before its
// turn.
func Example() {
	queue := priority.New(func(a, b retry) bool { return a.minute < b.minute })
	late := queue.Push(retry{"ord_1", 30})
	cancelled := queue.Push(retry{"ord_2", 10})
	queue.Push(retry{"ord_3", 20})

	late.Value.minute = 5
	queue.Fix(late)
	first, _ := queue.First()
	fmt.Println("first:", first.order)
	fmt.Println("removed:", queue.Remove(cancelled), queue.Remove(cancelled))
	for next, ok := queue.Pop(); ok; next, ok = queue.Pop() {
		fmt.Println(next.minute, next.order)
	}
	// Output:
	// first: ord_1
	// removed: true false
	// 5 ord_1
	// 20 ord_3
}
