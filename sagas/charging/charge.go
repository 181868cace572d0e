package charging

import (
	"context"
	"time"

	"orderflow/domain"
	"orderflow/domain/fulfilment"
	"orderflow/domain/payment"
	"orderflow/sagas"
)

// charge takes the money.
func (l run) charge(ctx context.Context) (bool, time.Time, error) {
	switch l.p.Status {
	case payment.StatusNone, payment.StatusDeferred:
		return l.attempt(ctx)
	case payment.StatusAttempting:
		return l.resolveOutcome(ctx)
	case payment.StatusUnknown:
		if l.early(l.p.RetryAt) {
			return false, l.p.RetryAt, nil
		}
		if l.p.Tries > MaxLookups*(l.f.Resumes+1) {
			return l.attention(ctx, fulfilment.StepCharge, "the gateway does not say what became of the charge: "+l.p.Reason)
		}
		if _, retryAt, closed := l.notReady(); closed {
			return false, sagas.Later(retryAt, l.pause(l.p.Tries)), nil
		}
		return l.resolveOutcome(ctx)
	case payment.StatusCaptured, payment.StatusDeclined, payment.StatusVoided:
	}
	return false, time.Time{}, nil
}

// attempt records that the gateway is about to be called, and calls it.
func (l run) attempt(ctx context.Context) (bool, time.Time, error) {
	reason, retryAt, closed := l.notReady()
	waits := l.p.Status == payment.StatusDeferred && l.p.Reason == sagas.CircuitOpen
	switch {
	case closed && waits: // for that; it is recorded
		return false, sagas.Later(retryAt, l.pause(l.p.Tries)), nil
	case l.early(l.p.RetryAt) && !waits:
		return false, l.p.RetryAt, nil
	case closed:
		return l.postpone(ctx, reason, sagas.Later(retryAt, l.pause(l.p.Tries)))
	}
	if err := l.checkOrder(ctx); err != nil {
		return false, time.Time{}, err
	}
	now := time.Now()
	p, recorded, err := l.append(ctx, payment.Start(l.name, l.key(), l.f.Amount, l.Claims.ForStart(now), now))
	if err != nil || !recorded { // another process was first: look again
		return l.recorded(err)
	}
	l.p = p
	return l.capture(ctx)
}

func (l run) capture(ctx context.Context) (bool, time.Time, error) {
	if l.f.Amount.IsZero() {
		return l.recorded(l.conclude(ctx, payment.Capture(l.name, noMoney, l.f.Amount)))
	}
	call, cancel := sagas.Within(ctx, l.p.Claim)
	defer cancel()
	begun := time.Now()
	receipt, err := l.gateway.Capture(call, Charge{Order: l.id, Key: l.key(), Amount: l.f.Amount, Token: l.f.Token})
	l.Steps.Observe(Capture, err, begun)
	return l.outcome(ctx, receipt, err)
}

// resolveOutcome looks up the outcome of a charge. If the gateway does not know the
// charge, it is made now, under the same key.
func (l run) resolveOutcome(ctx context.Context) (bool, time.Time, error) {
	if err := l.checkOrder(ctx); err != nil {
		return false, time.Time{}, err
	}
	if mine, moved, again, err := l.claim(ctx); !mine {
		return moved, again, err
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
	call, cancel := sagas.Within(ctx, l.p.Claim)
	defer cancel()
	begun := time.Now()
	receipt, err := l.gateway.Lookup(call, l.key())
	l.Steps.Observe(Lookup, err, begun)
	return receipt, err
}

// outcome records the gateway's answer.
func (l run) outcome(ctx context.Context, receipt Receipt, err error) (bool, time.Time, error) {
	if err == nil {
		if receipt.Amount != l.f.Amount {
			return l.attention(ctx, fulfilment.StepCharge, "the gateway captured "+receipt.Amount.String()+" where "+l.f.Amount.String()+" was asked for")
		}
		return l.recorded(l.conclude(ctx, payment.Capture(l.name, receipt.Reference, receipt.Amount)))
	}
	if ctx.Err() != nil {
		return false, time.Time{}, ctx.Err() // stopping: the next start asks
	}
	switch domain.KindOf(err) {
	case domain.Rejected:
		return l.recorded(l.conclude(ctx, payment.Decline(l.name, reason(err))))
	case domain.Unavailable:
		return l.deferUntil(ctx, reason(err), time.Now().Add(l.pause(l.p.Tries)))
	case domain.Internal, domain.Invalid, domain.NotFound, domain.Conflict, domain.Mismatch, domain.Unknown, domain.Exhausted, domain.ReadOnly, domain.Incomplete:
	}
	return l.loseOutcome(ctx, err)
}

func (l run) loseOutcome(ctx context.Context, cause error) (bool, time.Time, error) {
	askAt := time.Now().Add(l.pause(l.p.Tries))
	return false, askAt, l.conclude(ctx, payment.LoseOutcome(l.name, reason(cause), askAt))
}

// postpone records that no gateway was called.
func (l run) postpone(ctx context.Context, why string, retryAt time.Time) (bool, time.Time, error) {
	return l.deferred(ctx, why, retryAt, payment.Postpone(l.name, why, retryAt))
}

// deferUntil records that a call surely had no effect.
func (l run) deferUntil(ctx context.Context, why string, retryAt time.Time) (bool, time.Time, error) {
	return l.deferred(ctx, why, retryAt, payment.Holding(l.p.Claim.By, payment.Defer(l.name, why, retryAt)))
}

func (l run) deferred(ctx context.Context, why string, retryAt time.Time, decide payment.Decision) (bool, time.Time, error) {
	_, recorded, err := l.append(ctx, decide)
	if recorded && l.Deferred != nil {
		l.Deferred(why)
	}
	return false, retryAt, err
}
