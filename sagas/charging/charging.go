package charging

import (
	"context"
	"time"

	"orderflow/commands/aggregate"
	"orderflow/domain"
	"orderflow/domain/fulfilment"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/sagas"
)

// Name is the saga's name in checkpoints, metrics and the actor of its events.
const Name = "charging"

// Limits on asking.
const (
	// FirstPause is the wait after a deferral or a lost answer; it doubles up to LastPause.
	FirstPause = 500 * time.Millisecond
	// LastPause is the longest wait.
	LastPause = 5 * time.Minute
	// MaxLookups is how often the outcome of a charge is looked up before a person
	// must look: with the pauses above about an hour.
	MaxLookups = 20
	// MaxVoids is how often a charge that may have been taken is voided, or
	// asked for because the void was refused, before a person must look: with
	// the pauses above about an hour.
	MaxVoids = 20
	// MaxRefunds is how often a refund is asked for that the gateway neither
	// makes nor refuses, before a person must look. What goes forward, a charge
	// that was surely not made, waits for as long as it takes.
	MaxRefunds = 20
	// maxSteps bounds the steps of one reaction.
	maxSteps = 64
)

// noMoney is the reference of charges and refunds over nothing, which no gateway is asked for.
const noMoney = "nothing-due"

// Saga takes and gives back the money of orders.
type Saga struct {
	Gateways    Gateways
	Claims      sagas.Claims                                   // in a fleet, one process calls a gateway for an order
	Orders      *aggregate.Aggregate[order.State, order.Event] // that they are there
	Payments    *aggregate.Aggregate[payment.State, payment.Event]
	Fulfilments *aggregate.Aggregate[fulfilment.State, fulfilment.Event] // what is asked for

	Steps    sagas.StepObserver  // called after every call to the gateway, with its name: capture, lookup, void, refund
	Deferred func(reason string) // called for every payment.Deferred that was recorded; may be nil
}

// The steps, each a call to the gateway.
const (
	Capture = "capture"
	Lookup  = "lookup"
	Void    = "void"
	Refund  = "refund"
)

// New returns the saga for a driver.
func New(s Saga) sagas.Saga {
	wakes := map[string]bool{
		fulfilment.PaymentRequested{}.EventType(): true, fulfilment.Reverting{}.EventType(): true,
		fulfilment.ShipmentCancelled{}.EventType(): true, fulfilment.ReturnAccepted{}.EventType(): true,
		fulfilment.Resumed{}.EventType(): true,
	}
	return sagas.Saga{
		Name:       Name,
		Categories: []string{fulfilment.Category},
		Wakes:      func(eventType string) bool { return wakes[eventType] },
		React:      s.React,
	}
}

// run is one reaction to the payment of one order.
type run struct {
	Saga
	id      domain.OrderID
	retry   bool // do not wait out the pause after a failed call
	f       fulfilment.State
	p       payment.State
	name    string // of the payment's gateway, as recorded in events
	gateway Gateway
}

// React does the next steps of an order's payment. It returns when a gateway may be
// called again. With retry it does not wait out the pause after a failed call: the
// gateway may answer again.
func (s Saga) React(ctx context.Context, id domain.OrderID, retry bool) (time.Time, error) {
	for range maxSteps {
		l := run{Saga: s, id: id, retry: retry}
		var err error
		if l.f, _, err = s.Fulfilments.Load(ctx, fulfilment.Stream(id)); err != nil {
			return time.Time{}, err
		}
		moved, again, err := l.step(ctx)
		if reason, ok := sagas.Incomplete(err); ok {
			moved, again, err = l.attention(ctx, l.f.Next(), reason)
		}
		if err != nil || !moved {
			return again, err
		}
	}
	return time.Now(), nil
}

// load reads the payment. It is Incomplete if it has no events although the fulfilment
// knows its result.
func (l *run) load(ctx context.Context) (err error) {
	if l.p, _, err = l.Payments.Load(ctx, payment.Stream(l.id)); err != nil {
		return err
	}
	if l.p.Status == payment.StatusNone && l.f.HasPayment() {
		return sagas.ErrGone(payment.Stream(l.id))
	}
	l.name, l.gateway, err = l.Gateways.of(l.id, l.p)
	return err
}

// checkOrder is Incomplete unless the order, for which a gateway is about to be
// called, is there as a whole.
func (l run) checkOrder(ctx context.Context) error {
	o, _, err := l.Orders.Load(ctx, order.Stream(l.id))
	if err == nil && o.Status == order.StatusNew {
		return sagas.ErrGone(order.Stream(l.id))
	}
	return err
}

func (l run) step(ctx context.Context) (moved bool, again time.Time, err error) {
	next := l.f.Next()
	switch next {
	case fulfilment.StepCharge, fulfilment.StepRevertPayment, fulfilment.StepSettleReturn:
	case fulfilment.StepReserve, fulfilment.StepShip, fulfilment.StepCancelShipment, fulfilment.StepReleaseStock, fulfilment.StepIdle, fulfilment.StepAttention:
		return false, time.Time{}, nil
	}
	if err := l.load(ctx); err != nil {
		return false, time.Time{}, err
	}
	switch next {
	case fulfilment.StepCharge:
		return l.charge(ctx)
	case fulfilment.StepRevertPayment:
		return l.revert(ctx)
	default:
		open, _ := l.f.OpenReturn()
		return l.refund(ctx, open.ID, open.Refund)
	}
}

func (l run) attention(ctx context.Context, step fulfilment.Step, why string) (bool, time.Time, error) {
	_, _, err := l.Fulfilments.Transact(ctx, fulfilment.Stream(l.id), aggregate.NewCause(l.id, "saga:"+Name), fulfilment.IfStill(l.f, fulfilment.CallAttention(step, why)))
	return false, time.Time{}, err
}
