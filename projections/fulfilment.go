package projections

import (
	"context"
	"time"

	"orderflow/domain/fulfilment"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/domain/shipment"
	"orderflow/readmodels"
)

// fulfilmentFold follows the work on orders. Every event about an order is a sign of
// life; those that order work make it unfinished until the saga says that it is done.
type fulfilmentFold struct{ rows *table[readmodels.Fulfilment] }

func foldFulfilments(u *unit) viewFold { return fulfilmentFold{rowsOf(u, readmodels.FulfilmentView)} }

func (w fulfilmentFold) keys(wanted *wanted, e event) {
	w.rows.want(wanted, string(e.order()), begins(e, order.Category))
}

func (w fulfilmentFold) fold(_ context.Context, e event) error {
	id := string(e.order())
	if _, ok := e.fact.(order.Placed); ok {
		w.rows.put(id, readmodels.Fulfilment{Order: e.order(), Phase: readmodels.PhaseReserving, StartedAt: readmodels.Instant(e.At)})
	}
	v := w.rows.get(id)
	if v == nil {
		return errUnprojectable(e.Recorded, "there is no order %s", id)
	}
	w.rows.markDirty(id)
	at := readmodels.Instant(e.At)
	v.UpdatedAt, v.QuietUntil, v.Position = at, at, int64(e.Position)
	if wait := readmodels.Instant(waitsUntil(e.fact)); wait.After(at) {
		v.QuietUntil = wait
	}
	switch f := e.fact.(type) {
	case order.CancelRequested:
		v.CancelAsked = true
	case order.LinesReturned:
		v.PendingReturns++
	case fulfilment.Event:
		changeFulfilment(v, f)
	}
	rest := v.Phase == readmodels.PhaseFulfilled || v.Phase == readmodels.PhaseCompensated
	v.Finished = rest && !v.CancelAsked && v.PendingReturns == 0
	return nil
}

// waitsUntil is the time before which an event says that nothing will happen.
func waitsUntil(fact any) time.Time {
	switch f := fact.(type) {
	case payment.OutcomeUnknown:
		return f.AskAt
	case payment.Deferred:
		return f.RetryAt
	case payment.VoidDeferred:
		return f.RetryAt
	case payment.RefundDeferred:
		return f.RetryAt
	case shipment.Deferred:
		return f.RetryAt
	}
	return time.Time{}
}

func changeFulfilment(v *readmodels.Fulfilment, f fulfilment.Event) {
	switch f := f.(type) {
	case fulfilment.StockReserved, fulfilment.PaymentRequested:
		v.Phase = readmodels.PhaseCharging
	case fulfilment.PaymentSettled, fulfilment.ShipmentRequested, fulfilment.ShipmentBooked:
		v.Phase = readmodels.PhaseShipping
	case fulfilment.Completed:
		v.Phase = readmodels.PhaseFulfilled
	case fulfilment.Reverting:
		v.Phase, v.Reason = readmodels.PhaseCompensating, f.Reason
	case fulfilment.ShipmentCancelled, fulfilment.PaymentReverted, fulfilment.StockReleased:
		v.Phase = readmodels.PhaseCompensating
	case fulfilment.Reverted:
		v.Phase, v.CancelAsked = readmodels.PhaseCompensated, false
	case fulfilment.ReturnAccepted:
	case fulfilment.ReturnSettled:
		v.PendingReturns = max(0, v.PendingReturns-1)
	case fulfilment.NeedsAttention:
		v.AttentionStep, v.AttentionReason = f.Step, f.Reason
	case fulfilment.Resumed:
		v.AttentionStep, v.AttentionReason = "", ""
	}
}
