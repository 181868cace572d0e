package simulator

import (
	"context"
	"time"

	"orderflow/domain"
	"orderflow/sagas/dispatching"
)

type carrier struct {
	s    *Simulator
	name string
}

func (c carrier) Book(ctx context.Context, b dispatching.Booking) (dispatching.Parcel, error) {
	row := Row{Op: Book, Key: b.Key, Order: b.Order, Warehouse: b.Warehouse, Units: b.Units}
	if no := c.s.call(ctx, c.name, &row); no != nil {
		return dispatching.Parcel{}, shippingError(no)
	}
	return dispatching.Parcel{Tracking: reference("trk_", c.name, b.Key), EstimatedDelivery: c.s.promised(c.name, b.Key)}, nil
}

func (c carrier) Cancel(ctx context.Context, key string) error {
	if no := c.s.call(ctx, c.name, &Row{Op: Cancel, Key: key}); no != nil {
		return shippingError(no)
	}
	return nil
}

// promised counts from the first booking, so that a repeat is promised the same.
func (s *Simulator) promised(name, key string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Unix(s.states[name].bookings[digestOf(key)].booked, 0).UTC().Add(deliveryTime)
}

func shippingError(no *refusal) error {
	return domain.Wrap(no.kind, dispatching.Failure{Reason: no.reason}, "The carrier did not say yes")
}
