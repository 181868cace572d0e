package payment_test

import (
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/domain/payment"
)

// An attempt is recorded before the gateway is called; a lost answer is asked for,
// and the money is then taken.
func Example() {
	state := payment.Decider.Initial
	do := func(decide payment.Decision) {
		events, err := decide(state)
		if err != nil {
			fmt.Println(err)
		}
		state = payment.Decider.Fold(state, events...)
		for _, e := range events {
			fmt.Println(e.EventType())
		}
	}
	do(payment.Start("simulator", "ord_1/1", domain.GBP(900), domain.Claim{}, time.Now()))
	do(payment.Start("simulator", "ord_1/1", domain.GBP(900), domain.Claim{}, time.Now()))
	do(payment.LoseOutcome("simulator", "timeout", time.Unix(60, 0).UTC()))
	do(payment.Capture("simulator", "ch_1", domain.GBP(900)))
	do(payment.Capture("simulator", "ch_1", domain.GBP(900)))
	fmt.Println(state.Status, state.Amount)
	// Output:
	// payment.attempt_started.v1
	// payment.outcome_unknown.v1
	// payment.captured.v1
	// captured 9.00 GBP
}
