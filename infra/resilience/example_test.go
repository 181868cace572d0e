package resilience_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/infra/resilience"
	"orderflow/sagas/dispatching"
)

// broken is a carrier that answers every call with an error.
type broken struct{ calls int }

func (b *broken) Book(context.Context, dispatching.Booking) (dispatching.Parcel, error) {
	b.calls++
	return dispatching.Parcel{}, domain.Errorf(domain.Unknown, "The carrier answers 500.")
}

func (b *broken) Cancel(context.Context, string) error { return nil }

// After some failures in a row the breaker opens, and the carrier is not called.
func Example() {
	provider := &broken{}
	carrier := resilience.NewCarrier(provider, resilience.Options{Name: "carrier", Failures: 2, OpenFor: time.Hour})
	for range 3 {
		_, err := carrier.Book(context.Background(), dispatching.Booking{Order: "ord_1", Key: "ord_1"})
		failure, _ := errors.AsType[dispatching.Failure](err)
		fmt.Printf("%v %q %s\n", domain.KindOf(err), failure.Reason, carrier.State())
	}
	fmt.Println(provider.calls, "calls")
	// Output:
	// unknown "" closed
	// unknown "" open
	// unavailable "circuit_open" open
	// 2 calls
}
