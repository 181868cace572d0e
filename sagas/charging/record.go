package charging

import (
	"context"
	"errors"
	"time"

	"orderflow/commands/aggregate"
	"orderflow/domain"
	"orderflow/domain/payment"
	"orderflow/internal/backoff"
	"orderflow/sagas"
)

// claim gets the right to call the gateway for the payment. Unless mine, it returns
// whether to look at once, or when: another process has the right, or it was recorded
// now, and the payment must be read again before the call.
func (l run) claim(ctx context.Context) (mine, moved bool, again time.Time, err error) {
	now := time.Now()
	switch {
	case l.Claims.Covers(l.p.Claim, now):
		return true, false, time.Time{}, nil
	case l.p.Claim.Excludes(l.Claims.Process, now):
		return false, false, l.p.Claim.Until, nil
	}
	moved, again, err = l.recorded(l.record(ctx, payment.TakeClaim(l.Claims.New(now), now)))
	return false, moved, again, err
}

// conclude records the result of a call, unless another process has claimed the payment
// since.
func (l run) conclude(ctx context.Context, result payment.Decision) error {
	return l.record(ctx, payment.Holding(l.p.Claim.By, result))
}

// record appends to the payment's stream. The command has a fresh id: the decision makes
// it safe to repeat.
func (l run) record(ctx context.Context, decide payment.Decision) error {
	_, _, err := l.append(ctx, decide)
	return err
}

// append is record that returns the state after it, and whether there was anything to
// record.
func (l run) append(ctx context.Context, decide payment.Decision) (p payment.State, recorded bool, err error) {
	p, r, err := l.Payments.Transact(ctx, payment.Stream(l.id), aggregate.NewCause(l.id, "saga:"+Name), decide)
	return p, r.Events > 0, err
}

// recorded tells React to go on with the next step.
func (l run) recorded(err error) (bool, time.Time, error) { return err == nil, time.Time{}, err }

// key names the charge of the order; every attempt has the same.
func (l run) key() string { return "charge-" + string(l.id) }

// notReady returns why the gateway would refuse a call now, and when to try again;
// closed is false if it would take the call, or if no call is needed.
func (l run) notReady() (why string, retryAt time.Time, closed bool) {
	if l.f.Amount.IsZero() {
		return "", time.Time{}, false
	}
	return sagas.NotReady(l.gateway)
}

// early reports whether the order must wait until t.
func (l run) early(t time.Time) bool { return !l.retry && !t.IsZero() && time.Now().Before(t) }

// pause doubles with every try, and differs a little between orders, so that
// they do not all come back at once.
func (l run) pause(tries int) time.Duration {
	return backoff.Policy{First: FirstPause, Last: LastPause}.Spread(tries, string(l.id))
}

func reason(err error) string {
	if f, ok := errors.AsType[Failure](err); ok {
		return f.Reason
	}
	return domain.KindOf(err).String()
}
