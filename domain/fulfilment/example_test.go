package fulfilment_test

import (
	"fmt"

	"orderflow/domain"
	"orderflow/domain/fulfilment"
)

// The state names the next step. After a declined payment the steps lead back.
func Example() {
	state := fulfilment.Decider.Initial
	do := func(decide fulfilment.Decision) {
		events, err := decide(state)
		if err != nil {
			fmt.Println(err)
		}
		state = fulfilment.Decider.Fold(state, events...)
		fmt.Println(state.Next())
	}
	fmt.Println(state.Next())
	do(fulfilment.HoldStock("ord_1", domain.DefaultWarehouse, domain.GBP(900), "tok_visa"))
	do(fulfilment.Revert(domain.PaymentDeclined, "insufficient funds", false))
	do(fulfilment.RecordPaymentReverted())
	do(fulfilment.FinishRevert())
	// Output:
	// reserve
	// charge
	// revert_payment
	// release_stock
	// rest
}
