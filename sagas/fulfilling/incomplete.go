package fulfilling

import (
	"context"
	"errors"

	"orderflow/domain"
	"orderflow/domain/fulfilment"
	"orderflow/domain/inventory"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/sagas"
)

// errUnrecordable marks an error of a fulfilment whose own stream lacks events, so
// that no event there can call for a person.
var errUnrecordable = errors.New("the fulfilment lacks events itself")

// unrecordable marks err if it is Incomplete.
func unrecordable(err error) error {
	if reason, ok := sagas.Incomplete(err); ok {
		return domain.Wrap(domain.Incomplete, errUnrecordable, "%s", reason)
	}
	return err
}

// load reads the order and its fulfilment. What one tells of the other must be
// there: an order that something woke the saga for, and the fulfilment of an
// order that has ended.
func (l *run) load(ctx context.Context) (err error) {
	var lost error
	if l.o, _, lost = l.Orders.Load(ctx, order.Stream(l.id)); lost != nil && domain.KindOf(lost) != domain.Incomplete {
		return lost
	}
	if l.f, l.begun, err = l.Fulfilments.Load(ctx, fulfilment.Stream(l.id)); err != nil {
		return unrecordable(err)
	}
	switch {
	case lost != nil:
		return lost
	case l.o.Status == order.StatusNew && l.begun == 0: // nothing else tells of the order, and no event may be the first to
		return unrecordable(sagas.ErrGone(order.Stream(l.id)))
	case l.o.Status == order.StatusNew:
		return sagas.ErrGone(order.Stream(l.id))
	case l.o.Status.Ended() && l.begun == 0:
		return unrecordable(sagas.ErrGone(fulfilment.Stream(l.id)))
	}
	return nil
}

// missing calls for a person because a stream lacks events, which cause says; it
// returns cause where that cannot be recorded, and moved if the order must be read again.
// An order that was compensated, and one that a person looks at already, need nothing
// more.
func (l run) missing(ctx context.Context, reason string, cause error) (moved bool, err error) {
	_, now, err := l.Fulfilments.Load(ctx, fulfilment.Stream(l.id))
	switch {
	case err == nil && now != l.begun: // another process has gone on: what was read does not fit together
		return true, nil
	case errors.Is(cause, errUnrecordable):
		return false, cause
	case l.f.Phase == fulfilment.PhaseCompensated:
		return false, nil
	}
	return l.attention(ctx, l.f.Next(), reason)
}

// notCharged is an error if the order's payment was begun. The goods were set
// aside before: either the process ended before that was recorded, or it was
// recorded, and the fulfilment is gone.
func (l run) notCharged(ctx context.Context) error {
	p, _, err := l.Payments.Load(ctx, payment.Stream(l.id))
	if err == nil && p.Status != payment.StatusNone {
		return unrecordable(sagas.ErrGone(fulfilment.Stream(l.id)))
	}
	return err
}

// orGone returns err, or Incomplete if a command found no order where this look
// saw one.
func (l run) orGone(err error) error {
	if domain.KindOf(err) == domain.NotFound {
		return sagas.ErrGone(order.Stream(l.id))
	}
	return err
}

// unheardOf returns err, or Incomplete if a warehouse refuses because it does
// not know what the fulfilment has recorded of it.
func (l run) unheardOf(err error) error {
	if domain.KindOf(err) != domain.Rejected {
		return err
	}
	return domain.Wrap(domain.Incomplete, err, "The stream %s does not tell of the goods that were set aside for the order: it was truncated or deleted, or they were given up by hand.",
		inventory.Stream(l.o.Warehouse))
}
