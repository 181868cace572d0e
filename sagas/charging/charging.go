package charging

import (
	"context"
	"errors"
	"time"

	"orderflow/commands/aggregate"
	"orderflow/domain"
	"orderflow/domain/fulfilment"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/internal/backoff"
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

// CircuitOpen is the reason of a charge or void that waits for the gateway's breaker.
// Once the breaker lets calls through again it need not wait out its pause.
const CircuitOpen = "circuit_open"

// Ready is implemented by a gateway that knows when a call would be refused
// before it is made; then no attempt needs to be recorded.
type Ready interface {
	// Ready returns ok, or the reason of the refusal and when to try again.
	Ready() (reason string, retryAt time.Time, ok bool)
}

// Saga takes and gives back the money of orders.
type Saga struct {
	Gateway     Gateway
	GatewayName string                                         // as recorded in events
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
	id domain.OrderID
	f  fulfilment.State
	p  payment.State
}

// React does the next steps of an order's payment. It returns when a gateway may be
// called again.
func (s Saga) React(ctx context.Context, id domain.OrderID) (time.Time, error) {
	for range maxSteps {
		l := run{Saga: s, id: id}
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
	return nil
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

func (l run) charge(ctx context.Context) (bool, time.Time, error) {
	switch l.p.Status {
	case payment.StatusNone, payment.StatusDeferred:
		return l.attempt(ctx)
	case payment.StatusAttempting:
		return l.resolveOutcome(ctx)
	case payment.StatusUnknown:
		if early(l.p.RetryAt) {
			return false, l.p.RetryAt, nil
		}
		if l.p.Tries > MaxLookups*(l.f.Resumes+1) {
			return l.attention(ctx, fulfilment.StepCharge, "the gateway does not say what became of the charge: "+l.p.Reason)
		}
		return l.resolveOutcome(ctx)
	case payment.StatusCaptured, payment.StatusDeclined, payment.StatusVoided:
	}
	return false, time.Time{}, nil
}

// attempt records that the gateway is about to be called, and calls it.
func (l run) attempt(ctx context.Context) (bool, time.Time, error) {
	guard, guarded := l.Gateway.(Ready)
	if early(l.p.RetryAt) && (!guarded || l.p.Reason != CircuitOpen) {
		return false, l.p.RetryAt, nil
	}
	if guarded && !l.f.Amount.IsZero() {
		switch reason, retryAt, ok := guard.Ready(); {
		case !ok && early(l.p.RetryAt): // as it was when this was put off
			return false, l.p.RetryAt, nil
		case !ok:
			return l.deferUntil(ctx, reason, later(retryAt, l.pause(l.p.Tries)))
		}
	}
	if err := l.checkOrder(ctx); err != nil {
		return false, time.Time{}, err
	}
	if err := l.record(ctx, payment.Start(l.GatewayName, l.key(), l.f.Amount)); err != nil {
		return false, time.Time{}, err
	}
	return l.capture(ctx)
}

func (l run) capture(ctx context.Context) (bool, time.Time, error) {
	if l.f.Amount.IsZero() {
		return l.recorded(l.record(ctx, payment.Capture(l.GatewayName, noMoney, l.f.Amount)))
	}
	begun := time.Now()
	receipt, err := l.Gateway.Capture(ctx, Charge{Order: l.id, Key: l.key(), Amount: l.f.Amount, Token: l.f.Token})
	l.Steps.Observe(Capture, err, begun)
	return l.outcome(ctx, receipt, err)
}

// resolveOutcome looks up the outcome of a charge. If the gateway does not know the
// charge, it is made now, under the same key.
func (l run) resolveOutcome(ctx context.Context) (bool, time.Time, error) {
	if err := l.checkOrder(ctx); err != nil {
		return false, time.Time{}, err
	}
	if l.f.Amount.IsZero() {
		return l.capture(ctx)
	}
	receipt, err := l.lookup(ctx)
	switch {
	case err != nil && domain.KindOf(err) == domain.NotFound:
		return l.capture(ctx)
	case err != nil && domain.KindOf(err) == domain.Unavailable: // not asked: still in doubt
		return l.loseOutcome(ctx, err)
	}
	return l.outcome(ctx, receipt, err)
}

func (l run) lookup(ctx context.Context) (Receipt, error) {
	begun := time.Now()
	receipt, err := l.Gateway.Lookup(ctx, l.key())
	l.Steps.Observe(Lookup, err, begun)
	return receipt, err
}

// outcome records what a gateway answered.
func (l run) outcome(ctx context.Context, receipt Receipt, err error) (bool, time.Time, error) {
	if err == nil {
		if receipt.Amount != l.f.Amount {
			return l.attention(ctx, fulfilment.StepCharge, "the gateway captured "+receipt.Amount.String()+" where "+l.f.Amount.String()+" was asked for")
		}
		return l.recorded(l.record(ctx, payment.Capture(l.GatewayName, receipt.Reference, receipt.Amount)))
	}
	if ctx.Err() != nil {
		return false, time.Time{}, ctx.Err() // stopping: the next start asks
	}
	switch domain.KindOf(err) {
	case domain.Rejected:
		return l.recorded(l.record(ctx, payment.Decline(l.GatewayName, reason(err))))
	case domain.Unavailable:
		return l.deferUntil(ctx, reason(err), time.Now().Add(l.pause(l.p.Tries)))
	case domain.Internal, domain.Invalid, domain.NotFound, domain.Conflict, domain.Mismatch, domain.Unknown, domain.Exhausted, domain.ReadOnly, domain.Incomplete:
	}
	return l.loseOutcome(ctx, err)
}

func (l run) loseOutcome(ctx context.Context, cause error) (bool, time.Time, error) {
	askAt := time.Now().Add(l.pause(l.p.Tries))
	return false, askAt, l.record(ctx, payment.LoseOutcome(l.GatewayName, reason(cause), askAt))
}

func (l run) deferUntil(ctx context.Context, why string, retryAt time.Time) (bool, time.Time, error) {
	recorded, err := l.append(ctx, payment.Defer(l.GatewayName, why, retryAt))
	if recorded && l.Deferred != nil {
		l.Deferred(why)
	}
	return false, retryAt, err
}

// revert compensates the payment: a charge that may still be captured is voided at the
// gateway, a captured one is refunded.
func (l run) revert(ctx context.Context) (bool, time.Time, error) {
	switch l.p.Status {
	case payment.StatusDeclined, payment.StatusVoided:
		return false, time.Time{}, nil
	case payment.StatusCaptured:
		amount := l.p.Held()
		if r, ok := l.p.Refund(fulfilment.WholeOrder); ok {
			amount = r.Amount
		}
		return l.refund(ctx, fulfilment.WholeOrder, amount)
	case payment.StatusNone:
		return l.recorded(l.record(ctx, payment.Void("reverted before any attempt")))
	case payment.StatusDeferred, payment.StatusAttempting, payment.StatusUnknown:
	}
	if l.p.Attempts == 0 || l.p.Amount.IsZero() {
		return l.recorded(l.record(ctx, payment.Void("reverted; no gateway was ever called")))
	}
	switch {
	case early(l.p.VoidRetryAt) && (l.p.VoidReason != CircuitOpen || !l.ready()):
		return false, l.p.VoidRetryAt, nil
	case l.p.VoidTries >= MaxVoids*(l.f.Resumes+1):
		return l.attention(ctx, fulfilment.StepRevertPayment, "the gateway neither voids the charge nor says what became of it: "+l.p.VoidReason)
	}
	if err := l.checkOrder(ctx); err != nil {
		return false, time.Time{}, err
	}
	begun := time.Now()
	err := l.Gateway.Void(ctx, l.key())
	l.Steps.Observe(Void, err, begun)
	switch {
	case err == nil:
		return l.recorded(l.record(ctx, payment.Void("reverted")))
	case ctx.Err() != nil:
		return false, time.Time{}, ctx.Err() // stopping: the next start voids
	case domain.KindOf(err) == domain.Rejected: // captured after all: say so, then refund
		return l.discover(ctx, err)
	}
	return l.deferVoid(ctx, err)
}

// ready says that the gateway would be called now; one without a guard does not know.
func (l run) ready() bool {
	guard, guarded := l.Gateway.(Ready)
	if !guarded {
		return false
	}
	_, _, ok := guard.Ready()
	return ok
}

// discover records a capture that was not known of, or that there was none and
// will be none. A gateway that refused the void and now knows nothing of the
// charge is asked to void it again.
func (l run) discover(ctx context.Context, refusal error) (bool, time.Time, error) {
	receipt, err := l.lookup(ctx)
	switch kind := domain.KindOf(err); {
	case err == nil && receipt.Amount != l.p.Amount:
		return l.attention(ctx, fulfilment.StepRevertPayment, "the gateway captured "+receipt.Amount.String()+" where "+l.p.Amount.String()+" was asked for")
	case err != nil && ctx.Err() != nil:
		return false, time.Time{}, ctx.Err()
	case err != nil && kind == domain.NotFound:
		return l.deferVoid(ctx, refusal)
	case err != nil && kind != domain.Rejected:
		return l.deferVoid(ctx, err)
	}
	if l.p.Status == payment.StatusDeferred {
		if err := l.record(ctx, payment.Start(l.GatewayName, l.key(), l.f.Amount)); err != nil {
			return false, time.Time{}, err
		}
	}
	if err != nil {
		return l.recorded(l.record(ctx, payment.Decline(l.GatewayName, reason(err))))
	}
	return l.recorded(l.record(ctx, payment.Capture(l.GatewayName, receipt.Reference, receipt.Amount)))
}

// deferVoid records that the charge is neither voided nor known to be taken.
func (l run) deferVoid(ctx context.Context, cause error) (bool, time.Time, error) {
	retryAt := time.Now().Add(l.pause(l.p.VoidTries))
	return false, retryAt, l.record(ctx, payment.DeferVoid(l.GatewayName, reason(cause), retryAt))
}

// refund gives money back under a key of its own.
func (l run) refund(ctx context.Context, id string, amount domain.Money) (bool, time.Time, error) {
	r, ok := l.p.Refund(id)
	switch {
	case ok && r.Done, ok && r.Fails > l.f.Resumes:
		return false, time.Time{}, nil
	case ok && early(r.RetryAt):
		return false, r.RetryAt, nil
	case ok && r.Tries >= MaxRefunds*(l.f.Resumes+1):
		return l.attention(ctx, l.f.Next(), "the gateway neither makes the refund nor refuses it")
	case !ok:
		return l.recorded(l.record(ctx, payment.StartRefund(id, amount)))
	}
	if amount.IsZero() {
		return l.recorded(l.record(ctx, payment.FinishRefund(id, noMoney)))
	}
	if err := l.checkOrder(ctx); err != nil {
		return false, time.Time{}, err
	}
	begun := time.Now()
	receipt, err := l.Gateway.Refund(ctx, RefundRequest{
		Order: l.id, Key: "refund-" + domain.Digest(string(l.id), id), ChargeKey: l.key(), Amount: amount,
	})
	l.Steps.Observe(Refund, err, begun)
	switch {
	case err == nil:
		return l.recorded(l.record(ctx, payment.FinishRefund(id, receipt.Reference)))
	case ctx.Err() != nil:
		return false, time.Time{}, ctx.Err()
	case domain.KindOf(err) == domain.Rejected || domain.KindOf(err) == domain.NotFound:
		if r.Failed != "" { // refused again after an operator resumed: this refusal is a new one
			if err := l.record(ctx, payment.DeferRefund(id, "resumed", time.Now())); err != nil {
				return false, time.Time{}, err
			}
		}
		// Look again: an operator may have resumed this order before, for another
		// step, and then it is not this refusal that calls for a person.
		return l.recorded(l.record(ctx, payment.FailRefund(id, reason(err))))
	}
	retryAt := time.Now().Add(l.pause(r.Tries))
	return false, retryAt, l.record(ctx, payment.DeferRefund(id, reason(err), retryAt))
}

func (l run) attention(ctx context.Context, step fulfilment.Step, why string) (bool, time.Time, error) {
	_, _, err := l.Fulfilments.Transact(ctx, fulfilment.Stream(l.id), aggregate.NewCause(l.id, "saga:"+Name), fulfilment.CallAttention(step, why))
	return false, time.Time{}, err
}

// record appends to the payment's stream. The command has a fresh id: what
// makes it safe to repeat is the decision.
func (l run) record(ctx context.Context, decide payment.Decision) error {
	_, err := l.append(ctx, decide)
	return err
}

// append is record that says whether there was anything to record.
func (l run) append(ctx context.Context, decide payment.Decision) (recorded bool, err error) {
	_, r, err := l.Payments.Transact(ctx, payment.Stream(l.id), aggregate.NewCause(l.id, "saga:"+Name), decide)
	return r.Events > 0, err
}

// recorded tells React to go on with the next step.
func (l run) recorded(err error) (bool, time.Time, error) { return err == nil, time.Time{}, err }

// key names the charge of the order; every attempt has the same.
func (l run) key() string { return "charge-" + string(l.id) }

// pause doubles with every try, and differs a little between orders, so that
// they do not all come back at once.
func (l run) pause(tries int) time.Duration {
	return backoff.Policy{First: FirstPause, Last: LastPause}.Spread(tries, string(l.id))
}

func early(t time.Time) bool { return !t.IsZero() && time.Now().Before(t) }

func later(t time.Time, atLeast time.Duration) time.Time {
	if soon := time.Now().Add(atLeast); t.Before(soon) {
		return soon
	}
	return t.Add(atLeast / 4)
}

func reason(err error) string {
	if f, ok := errors.AsType[Failure](err); ok {
		return f.Reason
	}
	return domain.KindOf(err).String()
}
