package httpapi

import (
	"context"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/fulfilment"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/domain/shipment"
	"orderflow/readmodels"
)

// gone returns a check for streams of an order that read as empty: it returns
// Incomplete if the views know events of the stream, because then it was deleted
// and an answer without its events would be wrong.
func (s *server) gone(ctx context.Context, id domain.OrderID) func(eventlog.Stream) error {
	return func(stream eventlog.Stream) error {
		known, err := s.known(ctx, id, stream.Category())
		if err != nil || !known {
			return err
		}
		for _, err := range s.config.Log.Read(ctx, stream, 0) {
			return err // it has begun since it was read
		}
		return eventlog.ErrIncomplete(stream, 1, 0)
	}
}

// known reports whether the views hold events of an order in a category.
func (s *server) known(ctx context.Context, id domain.OrderID, category string) (known bool, err error) {
	switch category {
	case order.Category:
		_, err = s.config.Orders.Order(ctx, id)
		known = err == nil
	case payment.Category:
		_, err = s.config.Views.Payment(ctx, id)
		known = err == nil
	case fulfilment.Category, shipment.Category:
		var f readmodels.Fulfilment
		f, err = s.config.Views.Fulfilment(ctx, id)
		known = err == nil && (f.Phase != readmodels.PhaseReserving || f.AttentionStep != "")
		if known && category == shipment.Category { // a confirmed order that was worked on has a parcel
			var o readmodels.Order
			o, err = s.config.Orders.Order(ctx, id)
			known = err == nil && o.Tracking != ""
		}
	}
	if domain.KindOf(err) == domain.NotFound {
		err = nil
	}
	return known, err
}
