package bench_test

import (
	"fmt"

	"orderflow/cmd/orderflow/internal/bench"
)

// A figure is judged against a limit that was measured in the same run.
func Example() {
	for _, f := range []bench.Figure{
		{Name: "append", Unit: "appends/s", Value: 6_000, Limit: 10_000, Budget: 0.5},
		{Name: "memory", Unit: "MiB", Value: 300, Limit: 200, Budget: 1, AtMost: true},
	} {
		f = f.Judge(true)
		fmt.Printf("%s %.2f of the limit, met %t\n", f.Name, f.Ratio, f.Met)
	}
	benchmarks, err := (&bench.Command{Names: []string{"append"}, Scale: 10_000}).Choose()
	fmt.Println(len(benchmarks), err)
	// Output:
	// append 0.60 of the limit, met true
	// memory 1.50 of the limit, met false
	// 1 <nil>
}
