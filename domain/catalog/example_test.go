package catalog_test

import (
	"fmt"

	"orderflow/domain"
	"orderflow/domain/catalog"
)

// An article is listed, repriced and delisted.
func Example() {
	state := catalog.Decider.Initial
	for _, decide := range []catalog.Decision{
		catalog.List("TEA-1", "Tea", domain.GBP(450)),
		catalog.Reprice(domain.GBP(475)),
		catalog.Delist(),
		catalog.Reprice(domain.GBP(500)),
	} {
		events, err := decide(state)
		state = catalog.Decider.Fold(state, events...)
		fmt.Println(state.Price, state.Listed, err)
	}
	// Output:
	// 4.50 GBP true <nil>
	// 4.75 GBP true <nil>
	// 4.75 GBP false <nil>
	// 4.75 GBP false TEA-1 is not on sale.
}
