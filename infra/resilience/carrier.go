package resilience

import (
	"context"
	"errors"

	"orderflow/sagas"
	"orderflow/sagas/dispatching"
)

// Carrier is a carrier behind a [Guard].
type Carrier struct {
	*Guard
	carrier dispatching.Carrier
}

var (
	_ dispatching.Carrier = (*Carrier)(nil)
	_ sagas.Ready         = (*Carrier)(nil)
)

// NewCarrier guards c, which must return soon after its context ends.
func NewCarrier(c dispatching.Carrier, o Options) *Carrier {
	return &Carrier{Guard: newGuard(o, shippingWords()), carrier: c}
}

func shippingWords() words {
	return words{
		failure: func(reason string) error { return dispatching.Failure{Reason: reason} },
		reason: func(err error) (string, bool) {
			f, ok := errors.AsType[dispatching.Failure](err)
			return f.Reason, ok
		},
	}
}

// Book calls the carrier through the guard.
func (c *Carrier) Book(ctx context.Context, b dispatching.Booking) (dispatching.Parcel, error) {
	return call(ctx, c.Guard, "book", func(ctx context.Context) (dispatching.Parcel, error) {
		return c.carrier.Book(ctx, b)
	})
}

// Cancel is the carrier's, guarded.
func (c *Carrier) Cancel(ctx context.Context, key string) error {
	_, err := call(ctx, c.Guard, "cancel", func(ctx context.Context) (struct{}, error) {
		return struct{}{}, c.carrier.Cancel(ctx, key)
	})
	return err
}
