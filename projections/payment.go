package projections

import (
	"context"
	"time"

	"orderflow/domain"
	"orderflow/domain/payment"
	"orderflow/readmodels"
)

// paymentFold keeps the rows of payments.
type paymentFold struct{ rows *table[readmodels.Payment] }

func foldPayments(u *unit) viewFold { return paymentFold{rowsOf(u, readmodels.PaymentView)} }

// keys implements viewFold. The first event of a payment begins its row.
func (p paymentFold) keys(w *wanted, e event) {
	if e.Stream.Category() == payment.Category {
		p.rows.want(w, string(e.order()), e.Version == 1)
	}
}

func (p paymentFold) fold(_ context.Context, e event) error {
	f, ok := e.fact.(payment.Event)
	if !ok {
		return nil
	}
	id := string(e.order())
	row := p.rows.get(id)
	if row == nil {
		if e.Version != 1 {
			return errUnprojectable(e.Recorded, "there is no payment of order %s", id)
		}
		row = p.rows.put(id, readmodels.Payment{Order: e.order()})
	}
	p.rows.markDirty(id)
	row.UpdatedAt, row.Position = readmodels.Instant(e.At), int64(e.Position)
	if err := changePayment(row, f); err != nil {
		return errUnprojectable(e.Recorded, "its amount does not fit: %v", err)
	}
	return nil
}

func changePayment(p *readmodels.Payment, f payment.Event) (err error) {
	wait := func(status readmodels.PaymentStatus, reason string, until time.Time) {
		p.Status, p.Reason, p.RetryAt = status, reason, readmodels.Instant(until)
	}
	switch f := f.(type) {
	case payment.AttemptStarted:
		p.Status, p.Gateway, p.RetryAt = readmodels.PaymentAttempting, f.Gateway, time.Time{}
		p.Attempts++
		p.Amount = f.Amount
		p.Captured.Currency, p.Refunded.Currency = f.Amount.Currency, f.Amount.Currency
	case payment.Captured:
		p.Status, p.Gateway, p.Reference, p.RetryAt = readmodels.PaymentCaptured, f.Gateway, f.Reference, time.Time{}
		p.Captured, err = p.Captured.Add(f.Amount)
	case payment.Declined:
		wait(readmodels.PaymentDeclined, f.Reason, time.Time{})
		p.Gateway = f.Gateway
	case payment.OutcomeUnknown:
		wait(readmodels.PaymentUnknown, f.Reason, f.AskAt)
		p.Gateway = f.Gateway
	case payment.Deferred:
		wait(readmodels.PaymentDeferred, f.Reason, f.RetryAt)
		p.Gateway = f.Gateway
	case payment.Voided:
		wait(readmodels.PaymentVoided, f.Reason, time.Time{})
	case payment.VoidDeferred:
		wait(p.Status, f.Reason, f.RetryAt)
		p.Gateway = f.Gateway
	case payment.RefundStarted:
		p.Status, p.RetryAt = readmodels.PaymentRefunding, time.Time{}
	case payment.Refunded:
		p.Status, p.RetryAt = readmodels.PaymentRefunded, time.Time{}
		p.Refunded, err = p.Refunded.Add(f.Amount)
	case payment.RefundDeferred:
		wait(readmodels.PaymentRefunding, f.Reason, f.RetryAt)
	case payment.RefundFailed:
		wait(readmodels.PaymentStuck, f.Reason, time.Time{})
	case payment.Claimed: // a call begins; its result will tell
	}
	// An empty side of Add takes the other's currency; a payment that only was
	// deferred has no amount yet and keeps none.
	if p.Refunded == (domain.Money{}) {
		p.Refunded.Currency = p.Captured.Currency
	}
	return err
}
