package aggregate_test

import (
	"context"
	"fmt"

	"orderflow/commands/aggregate"
	"orderflow/domain"
	"orderflow/domain/catalog"
	"orderflow/infra/memory"
)

// An aggregate loads the state, decides and appends; a decision without events
// appends nothing.
func Example() {
	ctx := context.Background()
	products := aggregate.New(memory.New(), catalog.Decider, catalog.Codec, aggregate.Options[catalog.State]{SingleWriter: true})
	defer products.Close()

	stream, cause := catalog.Stream("TEA-1"), aggregate.NewCause("", "operator:grace")
	for _, decide := range []catalog.Decision{
		catalog.List("TEA-1", "Tea", domain.GBP(450)),
		catalog.List("TEA-1", "Tea", domain.GBP(450)),
		catalog.Reprice(domain.GBP(475)),
	} {
		state, result, err := products.Transact(ctx, stream, cause, decide)
		fmt.Println(state.Price, "version", result.Version, "new events", result.Events, err)
	}
	// Output:
	// 4.50 GBP version 1 new events 1 <nil>
	// 4.50 GBP version 1 new events 0 <nil>
	// 4.75 GBP version 2 new events 1 <nil>
}
