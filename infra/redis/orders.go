package redis

import (
	"context"
	"encoding/json"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/projections"
	"orderflow/readmodels"
)

// cachedOrders answers from Redis if it can, and else from the view of orders.
type cachedOrders struct {
	r      *Redis
	behind readmodels.Orders
	at     Positions
}

// Orders puts Redis in front of a view of orders. Every answer is one that the
// view gave or gives; lists always come from it. at may be nil.
func (r *Redis) Orders(behind readmodels.Orders, at Positions) readmodels.Orders {
	return &cachedOrders{r, behind, at}
}

// Order implements [readmodels.Orders].
func (o *cachedOrders) Order(ctx context.Context, id domain.OrderID) (readmodels.Order, error) {
	must := o.r.watermarks[orders].advanceFrom(o.at, projections.Orders)
	var row readmodels.Order
	t, key := o.r.keys.order(id)
	if o.r.row(ctx, t, key, must, &row) && row.ID == id {
		return row, nil
	}
	row, err := o.behind.Order(ctx, id)
	o.r.watermarks[orders].advance(eventlog.Position(row.Position))
	return row, err
}

// Orders implements [readmodels.Orders].
func (o *cachedOrders) Orders(ctx context.Context, q readmodels.OrderQuery) (readmodels.OrderPage, error) {
	page, err := o.behind.Orders(ctx, q)
	for _, row := range page.Orders {
		o.r.watermarks[orders].advance(eventlog.Position(row.Position))
	}
	return page, err
}

// row reads one row together with the state of its tag, and says whether it
// may be shown.
func (r *Redis) row(ctx context.Context, t tag, key string, must eventlog.Position, into any) bool {
	var found []any
	err := r.call(ctx, t.breakerKey(), func(ctx context.Context) (err error) {
		found, err = r.client.MGet(ctx, r.keys.state(t), key).Result()
		return err
	})
	if err != nil || len(found) != 2 {
		return false
	}
	state, _ := found[0].(string)
	text, _ := found[1].(string)
	epoch, at, ok := parseState(state)
	switch {
	case !ok, len(text) < epochBytes, text[:epochBytes] != epoch:
		r.stats.absent.Add(1)
		return false
	case at < must:
		r.stats.older.Add(1)
		return false
	}
	if err := json.Unmarshal([]byte(text[epochBytes:]), into); err != nil {
		r.stats.absent.Add(1)
		return false
	}
	r.watermarks[t.group].advance(at)
	r.stats.hits.Add(1)
	return true
}
