// Package fulfilling carries an order from placed to confirmed, or compensates it: it
// does the step that [fulfilment.State.Next] returns, records it, and repeats. Other
// sagas handle money and parcels; this one reads their results.
package fulfilling

import (
	"context"
	"fmt"
	"strings"
	"time"

	"orderflow/commands"
	"orderflow/commands/aggregate"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/fulfilment"
	"orderflow/domain/inventory"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/domain/shipment"
	"orderflow/sagas"
)

// Name is the saga's name in checkpoints, metrics and the actor of its events.
const Name = "fulfilment"

// maxSteps bounds the steps of one reaction; a return may come between two of them.
const maxSteps = 64

// Saga fulfils orders.
type Saga struct {
	Bus         commands.Bus // for commands to the order and to the warehouse, which may be elsewhere
	Orders      *aggregate.Aggregate[order.State, order.Event]
	Payments    *aggregate.Aggregate[payment.State, payment.Event]
	Shipments   *aggregate.Aggregate[shipment.State, shipment.Event]
	Fulfilments *aggregate.Aggregate[fulfilment.State, fulfilment.Event]
	Steps       sagas.StepObserver // called after the steps that fulfilment.State.Next names, and of StepBeginCompensation
}

// StepBeginCompensation begins the compensation of an order whose cancellation was asked for.
const StepBeginCompensation = "turn_round"

// New returns the saga for a driver.
func New(s Saga) sagas.Saga {
	wakes := map[string]bool{
		order.Placed{}.EventType(): true, order.CancelRequested{}.EventType(): true, order.LinesReturned{}.EventType(): true,
		payment.Captured{}.EventType(): true, payment.Declined{}.EventType(): true, payment.Voided{}.EventType(): true,
		payment.Refunded{}.EventType(): true, payment.RefundFailed{}.EventType(): true,
		shipment.Booked{}.EventType(): true, shipment.Refused{}.EventType(): true, shipment.Cancelled{}.EventType(): true,
		fulfilment.Resumed{}.EventType(): true,
	}
	return sagas.Saga{
		Name:       Name,
		Categories: []string{order.Category, payment.Category, shipment.Category, fulfilment.Category},
		Wakes:      func(eventType string) bool { return wakes[eventType] },
		React:      s.React,
	}
}

// run is one reaction to one order.
type run struct {
	Saga
	id    domain.OrderID
	o     order.State
	f     fulfilment.State
	begun eventlog.Version // of the fulfilment; 0 if nothing is recorded of it
}

// React does everything that can be done for an order now.
func (s Saga) React(ctx context.Context, id domain.OrderID, _ bool) (time.Time, error) {
	for range maxSteps {
		l := run{Saga: s, id: id}
		begun, err := time.Now(), l.load(ctx)
		step, moved := string(l.f.Next()), false
		if err == nil {
			step, moved, err = l.step(ctx)
		}
		if moved || err != nil {
			s.Steps.Observe(step, err, begun)
		}
		if reason, ok := sagas.Incomplete(err); ok {
			moved, err = l.missing(ctx, reason, err)
		}
		if err != nil || !moved {
			return time.Time{}, err
		}
	}
	return time.Now(), nil
}

// step does the next thing; moved is false when there is nothing to do but wait.
func (l run) step(ctx context.Context) (step string, moved bool, err error) {
	if l.o.Status == order.StatusCancelling && l.f.Phase != fulfilment.PhaseCompensating && l.f.Phase != fulfilment.PhaseCompensated && l.f.Stuck == nil {
		moved, err = l.record(ctx, "cancel", fulfilment.Revert(l.o.Reason, "", true))
		return StepBeginCompensation, moved, err
	}
	next := l.f.Next()
	moved, err = l.do(ctx, next)
	return string(next), moved, err
}

func (l run) do(ctx context.Context, next fulfilment.Step) (moved bool, err error) {
	switch next {
	case fulfilment.StepReserve:
		return l.reserve(ctx)
	case fulfilment.StepCharge:
		return l.settlePayment(ctx)
	case fulfilment.StepShip:
		return l.confirm(ctx)
	case fulfilment.StepCancelShipment:
		return l.cancelShipment(ctx)
	case fulfilment.StepRevertPayment:
		return l.revertPayment(ctx)
	case fulfilment.StepReleaseStock:
		return l.releaseStock(ctx)
	case fulfilment.StepSettleReturn:
		return l.settleReturn(ctx)
	case fulfilment.StepIdle:
		return l.acceptReturns(ctx)
	case fulfilment.StepAttention:
	}
	return false, nil
}

func (l run) reserve(ctx context.Context) (bool, error) {
	reply, err := l.Bus.Send(ctx, commands.ReserveStock{Order: l.id, Warehouse: l.o.Warehouse, Units: l.units()})
	switch {
	case err != nil && domain.KindOf(err) == domain.Rejected && l.begun == 0: // given up, and only a fulfilment does that
		err = unrecordable(sagas.ErrGone(fulfilment.Stream(l.id)))
	case err == nil && reply.Events == 0:
		err = l.notCharged(ctx)
	}
	if err != nil {
		return false, err
	}
	if len(reply.Short) > 0 {
		return l.record(ctx, "short", fulfilment.Revert(domain.OutOfStock, describe(reply.Short), false))
	}
	return l.record(ctx, "reserved", fulfilment.HoldStock(l.id, l.o.Warehouse, l.o.Total, l.o.PaymentToken))
}

func (l run) settlePayment(ctx context.Context) (bool, error) {
	p, _, err := l.Payments.Load(ctx, payment.Stream(l.id))
	if err != nil {
		return false, err
	}
	switch p.Status {
	case payment.StatusCaptured:
		return l.record(ctx, "paid", fulfilment.SettlePayment(l.id, p.Reference))
	case payment.StatusDeclined:
		return l.record(ctx, "declined", fulfilment.Revert(domain.PaymentDeclined, p.Reason, false))
	case payment.StatusVoided:
		return l.attention(ctx, fulfilment.StepCharge, "the payment was voided while the order still needs it")
	case payment.StatusNone, payment.StatusAttempting, payment.StatusDeferred, payment.StatusUnknown:
	}
	return false, nil
}

// confirm is the pivot: once the order says confirmed, it is compensated only on request.
func (l run) confirm(ctx context.Context) (bool, error) {
	s, _, err := l.Shipments.Load(ctx, shipment.Stream(l.id))
	if err != nil {
		return false, err
	}
	switch s.Status {
	case shipment.StatusRefused:
		return l.record(ctx, "unshippable", fulfilment.Revert(domain.ShipmentRefused, s.Reason, false))
	case shipment.StatusNone, shipment.StatusDeferred:
		return false, nil
	case shipment.StatusCancelled:
		return l.attention(ctx, fulfilment.StepShip, "the parcel was called off while the order still needs it")
	case shipment.StatusBooked, shipment.StatusDispatched, shipment.StatusDelivered:
	}
	p, _, err := l.Payments.Load(ctx, payment.Stream(l.id))
	switch {
	case err != nil:
		return false, err
	case p.Status != payment.StatusCaptured: // it was, or no parcel would have been asked for
		return false, sagas.ErrGone(payment.Stream(l.id))
	}
	_, err = l.Bus.Send(ctx, commands.ConfirmOrder{
		Order: l.id, PaymentReference: p.Reference, Tracking: s.Tracking, EstimatedDelivery: s.EstimatedDelivery,
	})
	if domain.KindOf(err) == domain.Rejected && err != nil {
		return l.compensateIfCancelling(ctx, err)
	}
	if err != nil {
		return false, l.orGone(err)
	}
	if _, err = l.Bus.Send(ctx, commands.CommitStock{Order: l.id, Warehouse: l.f.Warehouse}); err != nil {
		return false, l.unheardOf(err)
	}
	return l.record(ctx, "completed", fulfilment.Complete(s.Tracking))
}

// compensateIfCancelling reads the order again, and begins its compensation if a
// cancellation came first.
func (l run) compensateIfCancelling(ctx context.Context, refusal error) (bool, error) {
	o, _, err := l.Orders.Load(ctx, order.Stream(l.id))
	if err != nil {
		return false, err
	}
	if o.Status != order.StatusCancelling {
		return false, refusal
	}
	return l.record(ctx, "cancel", fulfilment.Revert(o.Reason, "", true))
}

func (l run) cancelShipment(ctx context.Context) (bool, error) {
	s, _, err := l.Shipments.Load(ctx, shipment.Stream(l.id))
	if err != nil {
		return false, err
	}
	switch s.Status {
	case shipment.StatusCancelled, shipment.StatusRefused:
		return l.record(ctx, "shipment-off", fulfilment.RecordShipmentCancelled())
	case shipment.StatusDispatched, shipment.StatusDelivered:
		return l.attention(ctx, fulfilment.StepCancelShipment, "the parcel is on its way and cannot be called off")
	case shipment.StatusNone, shipment.StatusDeferred, shipment.StatusBooked:
	}
	return false, nil
}

func (l run) revertPayment(ctx context.Context) (bool, error) {
	p, _, err := l.Payments.Load(ctx, payment.Stream(l.id))
	if err != nil {
		return false, err
	}
	switch p.Status {
	case payment.StatusDeclined, payment.StatusVoided:
		return l.record(ctx, "payment-back", fulfilment.RecordPaymentReverted())
	case payment.StatusCaptured:
		r, ok := p.Refund(fulfilment.WholeOrder)
		switch {
		case ok && r.Done:
			return l.record(ctx, "payment-back", fulfilment.RecordPaymentReverted())
		case ok && r.Fails > l.f.Resumes:
			return l.attention(ctx, fulfilment.StepRevertPayment, "the gateway refuses the refund: "+r.Failed)
		}
	case payment.StatusNone, payment.StatusAttempting, payment.StatusDeferred, payment.StatusUnknown:
	}
	return false, nil
}

// releaseStock frees the goods, or takes them back if they had left the books,
// and ends the order.
func (l run) releaseStock(ctx context.Context) (bool, error) {
	w := l.o.Warehouse
	// Also when no reservation was recorded: one may have been made all the same.
	_, err := l.Bus.Send(ctx, commands.ReleaseStock{Order: l.id, Warehouse: w})
	if err != nil && domain.KindOf(err) == domain.Rejected {
		_, err = l.Bus.Send(ctx, commands.RestockReturn{Order: l.id, Warehouse: w, Return: fulfilment.WholeOrder, Units: l.units()})
	}
	if err != nil {
		return false, l.unheardOf(err)
	}
	var end commands.Command = commands.RejectOrder{Order: l.id, Reason: l.f.Reason, Detail: l.f.Detail}
	if l.f.Cancel || l.o.Status == order.StatusCancelling {
		end = commands.FinishCancel{Order: l.id}
	}
	if _, err = l.Bus.Send(ctx, end); err != nil {
		return false, l.orGone(err)
	}
	return l.record(ctx, "reverted", fulfilment.FinishRevert())
}

func (l run) acceptReturns(ctx context.Context) (bool, error) {
	if l.f.Phase != fulfilment.PhaseFulfilled {
		return false, nil
	}
	for _, r := range l.o.Returns {
		if !l.f.HasReturn(r.Return) {
			return l.record(ctx, "return-"+r.Return, fulfilment.AcceptReturn(r.Return, r.Refund))
		}
	}
	return false, nil
}

func (l run) settleReturn(ctx context.Context) (_ bool, err error) {
	open, _ := l.f.OpenReturn()
	goods, ok := l.o.Return(open.ID)
	if !ok { // another process may have accepted it after this one read the order
		if l.o, _, err = l.Orders.Load(ctx, order.Stream(l.id)); err != nil {
			return false, err
		}
		goods, ok = l.o.Return(open.ID)
	}
	if !ok {
		return l.attention(ctx, fulfilment.StepSettleReturn, "the order knows no return "+open.ID)
	}
	units := make([]inventory.Units, len(goods.Lines))
	for i, line := range goods.Lines {
		units[i] = inventory.Units{SKU: l.o.Lines[line.Line].SKU, Quantity: line.Quantity}
	}
	if _, err := l.Bus.Send(ctx, commands.RestockReturn{Order: l.id, Warehouse: l.o.Warehouse, Return: open.ID, Units: units}); err != nil {
		return false, l.unheardOf(err)
	}
	p, _, err := l.Payments.Load(ctx, payment.Stream(l.id))
	if err != nil {
		return false, err
	}
	r, ok := p.Refund(open.ID)
	switch {
	case ok && r.Done:
		return l.record(ctx, "settled-"+open.ID, fulfilment.SettleReturned(open.ID))
	case ok && r.Fails > l.f.Resumes:
		return l.attention(ctx, fulfilment.StepSettleReturn, "the gateway refuses the refund: "+r.Failed)
	}
	return false, nil
}

func (l run) attention(ctx context.Context, step fulfilment.Step, reason string) (bool, error) {
	return l.record(ctx, fmt.Sprintf("attention-%d", l.f.Resumes), fulfilment.IfStill(l.f, fulfilment.CallAttention(step, reason)))
}

// record appends what a step led to. The step names the command, so that a
// repeat after a crash is recognised.
func (l run) record(ctx context.Context, step string, decide fulfilment.Decision) (bool, error) {
	_, r, err := l.Fulfilments.Transact(ctx, fulfilment.Stream(l.id), cause(l.id, step), decide)
	return r.Events > 0, err
}

func cause(id domain.OrderID, step string) aggregate.Cause {
	return aggregate.Cause{Command: domain.Digest(Name, string(id), step), Correlation: string(id), Actor: "saga:" + Name}
}

func (l run) units() []inventory.Units {
	units := make([]inventory.Units, len(l.o.Lines))
	for i, line := range l.o.Lines {
		units[i] = inventory.Units{SKU: line.SKU, Quantity: line.Quantity}
	}
	return units
}

// describe names at most a few shortages: the whole list is in the warehouse's events.
func describe(short []inventory.Shortage) string {
	const most = 5
	var b strings.Builder
	for i, s := range short[:min(most, len(short))] {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s: %d wanted, %d available", s.SKU, s.Wanted, s.Available)
	}
	if more := len(short) - most; more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	return b.String()
}
