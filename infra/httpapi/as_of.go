package httpapi

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/projections"
	"orderflow/readmodels"
)

// asOf selects a past state of an order: by the version of its own events, or by
// time. The time is when the log recorded an event, not the times inside events:
// an imported order does not exist before its import.
type asOf struct {
	version eventlog.Version
	at      time.Time
}

func parseAsOf(q url.Values) (asOf, error) {
	if q.Has("version") && q.Has("at") {
		return asOf{}, domain.Errorf(domain.Invalid, "Ask for a version or for a time, not for both.")
	}
	if q.Has("at") {
		at, err := time.Parse(time.RFC3339, q.Get("at"))
		if err != nil {
			return asOf{}, domain.Errorf(domain.Invalid, "%q is not a time such as 2026-01-31T12:00:00Z.", clip(q.Get("at")))
		}
		return asOf{at: at}, nil
	}
	n, err := strconv.ParseInt(q.Get("version"), 10, 64)
	if err != nil || n < 1 {
		return asOf{}, domain.Errorf(domain.Invalid, "%q is not a version; they count from 1.", clip(q.Get("version")))
	}
	return asOf{version: eventlog.Version(n)}, nil
}

// orderAsOf folds an order from its events and its payment's events up to t, as the
// view does. It needs the payment because an order shows that its payment is pending.
func (s *server) orderAsOf(ctx context.Context, id domain.OrderID, t asOf) (readmodels.Order, error) {
	var o readmodels.Order
	for r, err := range merged(ctx, s.config.Log, 0, s.gone(ctx, id), order.Stream(id), payment.Stream(id)) {
		if err != nil {
			return o, err
		}
		if t.version == 0 && r.At.After(t.at) {
			if o.Version == 0 {
				return o, domain.Errorf(domain.NotFound, "The order did not exist then: it was recorded at %s.", r.At.UTC().Format(time.RFC3339Nano))
			}
			break
		}
		if _, err := projections.FoldOrder(&o, r); err != nil {
			return o, err
		}
		if t.version > 0 && r.Version == t.version && r.Stream.Category() == order.Category {
			break
		}
	}
	switch {
	case o.Version == 0:
		return o, s.absent(ctx, id)
	case int64(t.version) > o.Version:
		return o, domain.Errorf(domain.NotFound, "The order has %d versions, not %d.", o.Version, t.version)
	}
	return o, nil
}
