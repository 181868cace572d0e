package httpapi

import (
	"context"

	"orderflow/domain"
	"orderflow/projections"
	"orderflow/readmodels"
)

// maxHoleOrders bounds the orders with streams that lack events whose work is
// looked up for one answer; more are counted, and come up as these are mended.
const maxHoleOrders = 200

// addIncomplete adds the orders that lack events to those that wait for a person.
// An order is told of once; what the view says of it comes first.
func (s *server) addIncomplete(ctx context.Context, out *attentionOutput, limit int) error {
	holes, more, err := s.incomplete(ctx)
	if err != nil {
		return err
	}
	out.Body.Open += more
	out.Body.Attention += more
	for _, h := range holes {
		f, err := s.config.Views.Fulfilment(ctx, h.Order)
		if err != nil && domain.KindOf(err) != domain.NotFound {
			return err
		}
		if err != nil || f.Finished { // the view does not count it as work that is left
			out.Body.Open++
		}
		if err == nil && f.AttentionStep != "" { // it is told of already
			continue
		}
		out.Body.Attention++
		if len(out.Body.Items) == limit {
			continue
		}
		f.Order, f.AttentionStep, f.AttentionReason, f.UpdatedAt = h.Order, readmodels.StepRestore, h.Reason(), h.Since
		out.Body.Items = append(out.Body.Items, fulfilmentBodyOf(f))
	}
	return nil
}

// incomplete returns one hole for each order that has any, at most maxHoleOrders,
// and how many more there may be.
func (s *server) incomplete(ctx context.Context) (holes []readmodels.Hole, more int64, err error) {
	var all []readmodels.Hole
	if s.config.Hidden != nil {
		all = append(all, s.config.Hidden()...)
	}
	if s.config.Holes != nil {
		list, total, err := s.config.Holes.Holes(ctx, projections.Orders, maxHoleOrders)
		if err != nil {
			return nil, 0, err
		}
		all, more = append(all, list...), max(0, total-int64(len(list)))
	}
	seen := map[domain.OrderID]struct{}{}
	for _, h := range all {
		if _, told := seen[h.Order]; told {
			continue
		}
		seen[h.Order] = struct{}{}
		if len(holes) == maxHoleOrders {
			more++
			continue
		}
		holes = append(holes, h)
	}
	return holes, more, nil
}
