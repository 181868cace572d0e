package shipment_test

import (
	"fmt"

	"orderflow/domain/shipment"
)

// A parcel that left the warehouse cannot be cancelled.
func Example() {
	state := shipment.Decider.Initial
	do := func(decide shipment.Decision) {
		events, err := decide(state)
		state = shipment.Decider.Fold(state, events...)
		fmt.Println(state.Status, err)
	}
	do(shipment.Book(shipment.Booked{Carrier: "simulator", Tracking: "TRACK-1"}))
	do(shipment.Dispatch())
	do(shipment.Cancel("the customer changed their mind"))
	do(shipment.Deliver())
	// Output:
	// booked <nil>
	// dispatched <nil>
	// dispatched The parcel is on its way; return the goods instead.
	// delivered <nil>
}
