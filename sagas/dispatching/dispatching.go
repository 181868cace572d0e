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
	Carriers    Carriers
	Claims      sagas.Claims // in a fleet, one process calls a carrier for an order
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

// run is one reaction to the parcel of one order.
type run struct {
	Saga
	id      domain.OrderID
	f       fulfilment.State
	p       shipment.State
	name    string // of the parcel's carrier, as recorded in events
	carrier Carrier
}

// React does the next step for an order's parcel. With retry it does not wait out the
// pause after a failed call: the carrier may answer again.
func (s Saga) React(ctx context.Context, id domain.OrderID, retry bool) (time.Time, error) {
	f, _, err := s.Fulfilments.Load(ctx, fulfilment.Stream(id))
	if err != nil {
		return time.Time{}, err
	}
	next := f.Next()
	if next != fulfilment.StepShip && next != fulfilment.StepCancelShipment {
		return time.Time{}, nil
	}
	l := run{Saga: s, id: id, f: f}
	again, err := l.step(ctx, next, retry)
	if reason, ok := sagas.Incomplete(err); ok {
		return time.Time{}, l.attention(ctx, next, reason)
	}
	return again, err
}

// step does the step that the fulfilment waits for.
func (l *run) step(ctx context.Context, next fulfilment.Step, retry bool) (_ time.Time, err error) {
	if l.p, _, err = l.Shipments.Load(ctx, shipment.Stream(l.id)); err != nil {
		return time.Time{}, err
	}
	if l.p.Status == shipment.StatusNone && l.f.HasParcel() {
		return time.Time{}, sagas.ErrGone(shipment.Stream(l.id))
	}
	if l.name, l.carrier, err = l.Carriers.of(l.id, l.p); err != nil {
		return time.Time{}, err
	}
	waits := l.p.Reason == sagas.CircuitOpen && !l.p.RetryAt.IsZero()
	_, retryAt, closed := sagas.NotReady(l.carrier)
	switch now := time.Now(); {
	case closed && waits: // for that; it is recorded
		return sagas.Later(retryAt, l.pause(l.p.Deferrals)), nil
	case !retry && !waits && now.Before(l.p.RetryAt):
		return l.p.RetryAt, nil
	case l.p.Claim.Excludes(l.Claims.Process, now):
		return l.p.Claim.Until, nil
	}
	if next == fulfilment.StepShip {
		return l.book(ctx)
	}
	return l.cancel(ctx)
}

func (l *run) book(ctx context.Context) (time.Time, error) {
	if l.p.Status != shipment.StatusNone && l.p.Status != shipment.StatusDeferred {
		return time.Time{}, nil
	}
	o, err := l.order(ctx)
	if err != nil {
		return time.Time{}, err
	}
	units := int64(0)
	for _, line := range o.Lines {
		units += line.Quantity
	}
	now := time.Now()
	claim := l.Claims.ForStart(now)
	p, err := l.append(ctx, shipment.StartBooking(l.name, l.key(), claim, now))
	if err != nil || p.Claim != claim { // another process was first: look again when it has ended
		return p.Claim.Until, err
	}
	l.p = p
	call, cancel := sagas.Within(ctx, l.p.Claim)
	defer cancel()
	begun := time.Now()
	parcel, err := l.carrier.Book(call, Booking{Order: l.id, Key: l.key(), Warehouse: o.Warehouse, Units: units})
	l.Steps.Observe(Book, err, begun)
	switch {
	case err == nil:
		return time.Time{}, l.conclude(ctx, shipment.Book(shipment.Booked{
			Carrier: l.name, Tracking: parcel.Tracking, EstimatedDelivery: parcel.EstimatedDelivery,
		}))
	case ctx.Err() != nil:
		return time.Time{}, ctx.Err()
	case domain.KindOf(err) == domain.Rejected:
		return time.Time{}, l.conclude(ctx, shipment.Refuse(l.name, reason(err)))
	}
	return l.deferUntil(ctx, l.p.Deferrals, shipment.Deferred{Reason: reason(err)})
}

// order returns the order for which a carrier is about to be called. One that is
// not there as a whole is Incomplete.
func (l *run) order(ctx context.Context) (order.State, error) {
	o, _, err := l.Orders.Load(ctx, order.Stream(l.id))
	if err == nil && o.Status == order.StatusNew {
		err = sagas.ErrGone(order.Stream(l.id))
	}
	return o, err
}

// cancel makes sure that no parcel is fetched, whether a booking is known or
// may still come.
func (l *run) cancel(ctx context.Context) (time.Time, error) {
	switch l.p.Status {
	case shipment.StatusCancelled, shipment.StatusRefused, shipment.StatusDispatched, shipment.StatusDelivered:
		return time.Time{}, nil
	case shipment.StatusNone, shipment.StatusDeferred, shipment.StatusBooked:
	}
	if l.p.CancelTries >= MaxCancels*(l.f.Resumes+1) {
		return time.Time{}, l.attention(ctx, fulfilment.StepCancelShipment, "the carrier neither calls the parcel off nor refuses to: "+l.p.Reason)
	}
	if _, err := l.order(ctx); err != nil {
		return time.Time{}, err
	}
	if mine, again, err := l.claim(ctx); !mine {
		return again, err
	}
	call, cancel := sagas.Within(ctx, l.p.Claim)
	defer cancel()
	begun := time.Now()
	err := l.carrier.Cancel(call, l.key())
	l.Steps.Observe(Cancel, err, begun)
	switch {
	case err == nil:
		return time.Time{}, l.conclude(ctx, shipment.Cancel("the order is undone"))
	case ctx.Err() != nil:
		return time.Time{}, ctx.Err()
	case domain.KindOf(err) == domain.Rejected: // the carrier has it: a person must look
		return time.Time{}, l.attention(ctx, fulfilment.StepCancelShipment, "the carrier does not call the parcel off: "+reason(err))
	}
	return l.deferUntil(ctx, l.p.CancelTries, shipment.Deferred{Reason: reason(err), Compensating: true})
}

// claim gets the right to call the carrier for the parcel, and reads the parcel again.
// Unless mine, it returns when to look again.
func (l *run) claim(ctx context.Context) (mine bool, again time.Time, err error) {
	now := time.Now()
	if l.Claims.Covers(l.p.Claim, now) {
		return true, time.Time{}, nil
	}
	before := l.p
	if l.p, err = l.append(ctx, shipment.TakeClaim(l.Claims.New(now), now)); err != nil {
		return false, time.Time{}, err
	}
	switch {
	case l.p.Claim.Excludes(l.Claims.Process, now):
		return false, l.p.Claim.Until, nil
	case l.p.Status != before.Status || l.p.Deferrals != before.Deferrals: // it has moved: look again
		return false, now, nil
	}
	return true, time.Time{}, nil
}

func (l *run) attention(ctx context.Context, step fulfilment.Step, why string) error {
	_, _, err := l.Fulfilments.Transact(ctx, fulfilment.Stream(l.id), aggregate.NewCause(l.id, "saga:"+Name),
		fulfilment.IfStill(l.f, fulfilment.CallAttention(step, why)))
	return err
}

// deferUntil records that the carrier is asked again, after a backoff.
func (l *run) deferUntil(ctx context.Context, tries int, d shipment.Deferred) (time.Time, error) {
	d.Carrier, d.RetryAt = l.name, time.Now().Add(l.pause(tries))
	return d.RetryAt, l.conclude(ctx, shipment.Defer(d))
}

// conclude records the result of a call, unless another process has claimed the parcel
// since.
func (l *run) conclude(ctx context.Context, result shipment.Decision) error {
	_, err := l.append(ctx, shipment.Holding(l.p.Claim.By, result))
	return err
}

// append records a decision, and returns the state after it.
func (l *run) append(ctx context.Context, decide shipment.Decision) (shipment.State, error) {
	p, _, err := l.Shipments.Transact(ctx, shipment.Stream(l.id), aggregate.NewCause(l.id, "saga:"+Name), decide)
	return p, err
}

// pause doubles with every try.
func (l *run) pause(tries int) time.Duration {
	return backoff.Policy{First: FirstPause, Last: LastPause}.Pause(tries)
}

// key names the parcel of the order; every attempt has the same.
func (l *run) key() string { return "parcel-" + string(l.id) }

func reason(err error) string {
	if f, ok := errors.AsType[Failure](err); ok {
		return f.Reason
	}
	return domain.KindOf(err).String()
}
