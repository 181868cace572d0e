package order_test

import (
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/domain/order"
)

// An order is placed, confirmed, and one unit of it is returned.
func Example() {
	state := order.Decider.Initial
	do := func(decide order.Decision) {
		events, err := decide(state)
		if err != nil {
			fmt.Println(err)
		}
		for _, e := range events {
			fmt.Println(e.EventType())
		}
		state = order.Decider.Fold(state, events...)
	}
	do(order.Place(order.Placed{
		Order: "ord_1", Customer: "ada", Warehouse: domain.DefaultWarehouse, PaymentToken: "tok_visa",
		Lines: []order.Line{{SKU: "TEA-1", Quantity: 2, PriceMinor: 450}}, Total: domain.GBP(0),
	}))
	do(order.Confirm(order.Confirmed{PaymentReference: "ch_1", Tracking: "TRACK-1"}))
	do(order.Reject(domain.OutOfStock, ""))
	do(order.ReturnLines("ret_1", []order.ReturnedLine{{Line: 0, Quantity: 1}}, time.Time{}))
	fmt.Println(state.Status, state.Total, state.Returns[0].Refund, state.Returnable(0))
	// Output:
	// order.placed.v1
	// order.confirmed.v1
	// The order is confirmed and cannot be rejected.
	// order.lines_returned.v1
	// confirmed 9.00 GBP 4.50 GBP 1
}
