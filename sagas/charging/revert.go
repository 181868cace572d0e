package charging

import (
	"context"
	"time"

	"orderflow/domain"
	"orderflow/domain/fulfilment"
	"orderflow/domain/payment"
	"orderflow/sagas"
)

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
		return l.recorded(l.record(ctx, payment.VoidUnattempted("reverted before any attempt")))
	case payment.StatusDeferred, payment.StatusAttempting, payment.StatusUnknown:
	}
	if l.p.Attempts == 0 || l.p.Amount.IsZero() {
		return l.recorded(l.record(ctx, payment.VoidUnattempted("reverted; no gateway was ever called")))
	}
	_, retryAt, closed := l.notReady()
	waits := l.p.VoidReason == sagas.CircuitOpen
	switch {
	case closed && l.p.VoidTries > 0:
		return false, sagas.Later(retryAt, l.pause(l.p.VoidTries)), nil
	case l.early(l.p.VoidRetryAt) && !waits:
		return false, l.p.VoidRetryAt, nil
	case l.p.VoidTries >= MaxVoids*(l.f.Resumes+1):
		return l.attention(ctx, fulfilment.StepRevertPayment, "the gateway neither voids the charge nor says what became of it: "+l.p.VoidReason)
	}
	if err := l.checkOrder(ctx); err != nil {
		return false, time.Time{}, err
	}
	if mine, moved, again, err := l.claim(ctx); !mine {
		return moved, again, err
	}
	return l.void(ctx)
}

func (l run) void(ctx context.Context) (bool, time.Time, error) {
	call, cancel := sagas.Within(ctx, l.p.Claim)
	defer cancel()
	begun := time.Now()
	err := l.gateway.Void(call, l.key())
	l.Steps.Observe(Void, err, begun)
	switch {
	case err == nil:
		return l.recorded(l.conclude(ctx, payment.Void("reverted")))
	case ctx.Err() != nil:
		return false, time.Time{}, ctx.Err() // stopping: the next start voids
	case domain.KindOf(err) == domain.Rejected: // captured after all: say so, then refund
		return l.discover(ctx, err)
	}
	return l.deferVoid(ctx, err)
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
		if err := l.record(ctx, payment.Start(l.name, l.key(), l.f.Amount, l.p.Claim, time.Now())); err != nil {
			return false, time.Time{}, err
		}
	}
	if err != nil {
		return l.recorded(l.conclude(ctx, payment.Decline(l.name, reason(err))))
	}
	return l.recorded(l.conclude(ctx, payment.Capture(l.name, receipt.Reference, receipt.Amount)))
}

// deferVoid records that the charge is neither voided nor known to be taken.
func (l run) deferVoid(ctx context.Context, cause error) (bool, time.Time, error) {
	retryAt := time.Now().Add(l.pause(l.p.VoidTries))
	return false, retryAt, l.conclude(ctx, payment.DeferVoid(l.name, reason(cause), retryAt))
}

// refund gives money back under a key of its own.
func (l run) refund(ctx context.Context, id string, amount domain.Money) (bool, time.Time, error) {
	r, ok := l.p.Refund(id)
	switch {
	case ok && r.Done, ok && r.Fails > l.f.Resumes:
		return false, time.Time{}, nil
	case ok && l.early(r.RetryAt):
		return false, r.RetryAt, nil
	case ok && r.Tries >= MaxRefunds*(l.f.Resumes+1):
		return l.attention(ctx, l.f.Next(), "the gateway neither makes the refund nor refuses it")
	case !ok:
		return l.recorded(l.record(ctx, payment.StartRefund(id, amount)))
	}
	if amount.IsZero() {
		return l.recorded(l.record(ctx, payment.FinishRefund(id, noMoney)))
	}
	if _, retryAt, closed := l.notReady(); closed && r.Tries > 0 {
		return false, sagas.Later(retryAt, l.pause(r.Tries)), nil
	}
	if err := l.checkOrder(ctx); err != nil {
		return false, time.Time{}, err
	}
	if mine, moved, again, err := l.claim(ctx); !mine {
		return moved, again, err
	}
	call, cancel := sagas.Within(ctx, l.p.Claim)
	defer cancel()
	begun := time.Now()
	receipt, err := l.gateway.Refund(call, RefundRequest{
		Order: l.id, Key: "refund-" + domain.Digest(string(l.id), id), ChargeKey: l.key(), Amount: amount,
	})
	l.Steps.Observe(Refund, err, begun)
	switch {
	case err == nil:
		return l.recorded(l.conclude(ctx, payment.FinishRefund(id, receipt.Reference)))
	case ctx.Err() != nil:
		return false, time.Time{}, ctx.Err()
	case domain.KindOf(err) == domain.Rejected || domain.KindOf(err) == domain.NotFound:
		// Look again: an operator may have resumed this order before, for another
		// step, and then it is not this refusal that calls for a person.
		refused := payment.FailRefund(id, reason(err))
		if r.Failed != "" {
			refused = payment.FailRefundAgain(id, reason(err), time.Now())
		}
		return l.recorded(l.conclude(ctx, refused))
	}
	retryAt := time.Now().Add(l.pause(r.Tries))
	return false, retryAt, l.conclude(ctx, payment.DeferRefund(id, reason(err), retryAt))
}
