package dispatching

import (
	"context"
	"errors"
	"time"

	"orderflow/commands/aggregate"
	"orderflow/domain"
	"orderflow/domain/fulfilment"
	"orderflow/domain/order"
	"orderflow/domain/shipment"
	"orderflow/internal/backoff"
	"orderflow/sagas"
)

// Name is the saga's name in checkpoints, metrics and the actor of its events.
const Name = "dispatching"

// Limits on asking.
const (
	// FirstPause is the wait after a carrier could not be asked; it doubles up to LastPause.
	FirstPause = 500 * time.Millisecond
	// LastPause is the longest wait.
	LastPause = 5 * time.Minute
	// MaxCancels is how often the carrier is asked to cancel a parcel before a person
	// must look: with the pauses above about an hour. A booking is retried without a
	// limit.
	MaxCancels = 20
)

// Saga books and cancels the parcels of orders.
type Saga struct {
	Carrier     Carrier
	CarrierName string // as recorded in events
	Orders      *aggregate.Aggregate[order.State, order.Event]
	Shipments   *aggregate.Aggregate[shipment.State, shipment.Event]
	Fulfilments *aggregate.Aggregate[fulfilment.State, fulfilment.Event] // what is asked for
	Steps       sagas.StepObserver                                       // called after every call to the carrier, with its name: book, cancel
}

// The steps, each a call to the carrier.
const (
	Book   = "book"
	Cancel = "cancel"
)

// New returns the saga for a driver.
func New(s Saga) sagas.Saga {
	wakes := map[string]bool{
		fulfilment.ShipmentRequested{}.EventType(): true, fulfilment.Reverting{}.EventType(): true,
		fulfilment.Resumed{}.EventType(): true,
	}
	return sagas.Saga{
		Name:       Name,
		Categories: []string{fulfilment.Category},
		Wakes:      func(eventType string) bool { return wakes[eventType] },
		React:      s.React,
	}
}

// React does the next step for an order's parcel.
func (s Saga) React(ctx context.Context, id domain.OrderID) (time.Time, error) {
	f, _, err := s.Fulfilments.Load(ctx, fulfilment.Stream(id))
	if err != nil {
		return time.Time{}, err
	}
	next := f.Next()
	if next != fulfilment.StepShip && next != fulfilment.StepCancelShipment {
		return time.Time{}, nil
	}
	again, err := s.step(ctx, id, f, next)
	if reason, ok := sagas.Incomplete(err); ok {
		return time.Time{}, s.attention(ctx, id, next, reason)
	}
	return again, err
}

// step does the step that the fulfilment waits for.
func (s Saga) step(ctx context.Context, id domain.OrderID, f fulfilment.State, next fulfilment.Step) (time.Time, error) {
	p, _, err := s.Shipments.Load(ctx, shipment.Stream(id))
	switch {
	case err != nil:
		return time.Time{}, err
	case p.Status == shipment.StatusNone && f.HasParcel():
		return time.Time{}, sagas.ErrGone(shipment.Stream(id))
	}
	if !p.RetryAt.IsZero() && time.Now().Before(p.RetryAt) {
		return p.RetryAt, nil
	}
	if next == fulfilment.StepShip {
		return s.book(ctx, id, p)
	}
	return s.cancel(ctx, id, f, p)
}

func (s Saga) book(ctx context.Context, id domain.OrderID, p shipment.State) (time.Time, error) {
	if p.Status != shipment.StatusNone && p.Status != shipment.StatusDeferred {
		return time.Time{}, nil
	}
	o, err := s.order(ctx, id)
	if err != nil {
		return time.Time{}, err
	}
	units := int64(0)
	for _, l := range o.Lines {
		units += l.Quantity
	}
	begun := time.Now()
	parcel, err := s.Carrier.Book(ctx, Booking{Order: id, Key: key(id), Warehouse: o.Warehouse, Units: units})
	s.Steps.Observe(Book, err, begun)
	switch {
	case err == nil:
		return time.Time{}, s.record(ctx, id, shipment.Book(shipment.Booked{
			Carrier: s.CarrierName, Tracking: parcel.Tracking, EstimatedDelivery: parcel.EstimatedDelivery,
		}))
	case ctx.Err() != nil:
		return time.Time{}, ctx.Err()
	case domain.KindOf(err) == domain.Rejected:
		return time.Time{}, s.record(ctx, id, shipment.Refuse(s.CarrierName, reason(err)))
	}
	return s.deferUntil(ctx, id, p.Deferrals, shipment.Deferred{Reason: reason(err)})
}

// order returns the order for which a carrier is about to be called. One that is
// not there as a whole is Incomplete.
func (s Saga) order(ctx context.Context, id domain.OrderID) (order.State, error) {
	o, _, err := s.Orders.Load(ctx, order.Stream(id))
	if err == nil && o.Status == order.StatusNew {
		err = sagas.ErrGone(order.Stream(id))
	}
	return o, err
}

// cancel makes sure that no parcel is fetched, whether a booking is known or
// may still come.
func (s Saga) cancel(ctx context.Context, id domain.OrderID, f fulfilment.State, p shipment.State) (time.Time, error) {
	switch p.Status {
	case shipment.StatusCancelled, shipment.StatusRefused, shipment.StatusDispatched, shipment.StatusDelivered:
		return time.Time{}, nil
	case shipment.StatusNone, shipment.StatusDeferred, shipment.StatusBooked:
	}
	if p.CancelTries >= MaxCancels*(f.Resumes+1) {
		return time.Time{}, s.attention(ctx, id, fulfilment.StepCancelShipment, "the carrier neither calls the parcel off nor refuses to: "+p.Reason)
	}
	if _, err := s.order(ctx, id); err != nil {
		return time.Time{}, err
	}
	begun := time.Now()
	err := s.Carrier.Cancel(ctx, key(id))
	s.Steps.Observe(Cancel, err, begun)
	switch {
	case err == nil:
		return time.Time{}, s.record(ctx, id, shipment.Cancel("the order is undone"))
	case ctx.Err() != nil:
		return time.Time{}, ctx.Err()
	case domain.KindOf(err) == domain.Rejected: // the carrier has it: a person must look
		return time.Time{}, s.attention(ctx, id, fulfilment.StepCancelShipment, "the carrier does not call the parcel off: "+reason(err))
	}
	return s.deferUntil(ctx, id, p.CancelTries, shipment.Deferred{Reason: reason(err), Compensating: true})
}

func (s Saga) attention(ctx context.Context, id domain.OrderID, step fulfilment.Step, why string) error {
	_, _, err := s.Fulfilments.Transact(ctx, fulfilment.Stream(id), aggregate.NewCause(id, "saga:"+Name),
		fulfilment.CallAttention(step, why))
	return err
}

// deferUntil records that the carrier is asked again, after a backoff.
func (s Saga) deferUntil(ctx context.Context, id domain.OrderID, tries int, d shipment.Deferred) (time.Time, error) {
	d.Carrier, d.RetryAt = s.CarrierName, time.Now().Add(backoff.Policy{First: FirstPause, Last: LastPause}.Pause(tries))
	return d.RetryAt, s.record(ctx, id, shipment.Defer(d))
}

func (s Saga) record(ctx context.Context, id domain.OrderID, decide shipment.Decision) error {
	_, _, err := s.Shipments.Transact(ctx, shipment.Stream(id), aggregate.NewCause(id, "saga:"+Name), decide)
	return err
}

// key names the parcel of the order; every attempt has the same.
func key(id domain.OrderID) string { return "parcel-" + string(id) }

func reason(err error) string {
	if f, ok := errors.AsType[Failure](err); ok {
		return f.Reason
	}
	return domain.KindOf(err).String()
}
