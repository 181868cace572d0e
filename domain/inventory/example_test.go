package inventory_test

import (
	"fmt"

	"orderflow/domain/inventory"
)

// A warehouse reserves all lines of an order or none.
func Example() {
	state := inventory.Decider.Initial
	do := func(decide inventory.Decision) {
		events, err := decide(state)
		if err != nil {
			fmt.Println(err)
		}
		for _, e := range events {
			fmt.Println(e.EventType())
		}
		state = inventory.Decider.Fold(state, events...)
	}
	do(inventory.Receive("receipt-1", []inventory.Units{{SKU: "TEA-1", Quantity: 3}, {SKU: "CUP-1", Quantity: 1}}))
	do(inventory.Reserve("ord_1", []inventory.Units{{SKU: "TEA-1", Quantity: 2}}))
	do(inventory.Reserve("ord_2", []inventory.Units{{SKU: "TEA-1", Quantity: 2}, {SKU: "CUP-1", Quantity: 1}}))
	do(inventory.Commit("ord_1"))

	_, short := state.Reservation("ord_2")
	fmt.Println(short[0].SKU, state.Levels["TEA-1"].Available(), state.Levels["CUP-1"].Available())
	// Output:
	// stock.received.v1
	// stock.reserved.v1
	// stock.refused.v1
	// stock.committed.v1
	// TEA-1 1 1
}
