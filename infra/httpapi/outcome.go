package httpapi

import (
	"context"
	"strings"
	"time"

	"orderflow/domain"
	"orderflow/readmodels"
)

// resultBody is the progress of a request to place an order.
type resultBody struct {
	OrderID           domain.OrderID `json:"order_id"`
	Status            string         `json:"status" enum:"ACCEPTED,SUCCESS,PENDING_PAYMENT,OUT_OF_STOCK,PAYMENT_DECLINED,SHIPMENT_REFUSED,CUSTOMER_ASKED,OPERATOR_ASKED,CANCELLED"`
	Message           string         `json:"message"`
	PaymentID         string         `json:"payment_id,omitempty" doc:"The gateway's name of the capture"`
	EstimatedDelivery *time.Time     `json:"estimated_delivery,omitempty"`
	TrackingURL       string         `json:"tracking_url" doc:"Where to see how the order fares"`
	Version           int64          `json:"version"`
	Position          int64          `json:"position" doc:"A query that carries it sees this"`
}

func accepted(p placed) resultBody {
	return resultBody{
		OrderID: p.id, Status: "ACCEPTED", Message: "Your order is accepted and being worked on.",
		TrackingURL: "/v1/orders/" + string(p.id), Version: 1, Position: int64(p.at),
	}
}

// awaitOutcome waits until an order is settled, for at most wait, until the client
// leaves or the server drains. It returns at once for an order whose payment is
// pending, because that may take minutes.
func (s *server) awaitOutcome(ctx context.Context, p placed, wait time.Duration) (result resultBody, settled bool) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	changed, stop := s.config.Changes.Watch(p.id)
	defer stop()
	result = accepted(p)
	for {
		if o, err := s.config.Orders.Order(ctx, p.id); err == nil {
			if result, settled = outcome(o); settled || o.Status == readmodels.OrderPendingPayment {
				return result, settled
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return result, false
		case <-s.drained:
			return result, false
		}
	}
}

// outcome returns the result for a customer; settled reports whether it is final.
func outcome(o readmodels.Order) (resultBody, bool) {
	r := accepted(placed{id: o.ID})
	r.Version, r.Position = o.Version, o.Position
	switch o.Status {
	case readmodels.OrderConfirmed:
		r.Status, r.Message = "SUCCESS", "Your order is confirmed."
		r.PaymentID, r.EstimatedDelivery = o.PaymentReference, moment(o.EstimatedDelivery)
		return r, true
	case readmodels.OrderRejected:
		r.Status, r.Message = strings.ToUpper(string(o.Reason)), refusal(o.Reason)
		return r, true
	case readmodels.OrderCancelled:
		r.Status, r.Message = "CANCELLED", "Your order is cancelled."
		return r, true
	case readmodels.OrderPendingPayment:
		r.Status, r.Message = "PENDING_PAYMENT", "Your order is being processed. You'll receive confirmation within 5 minutes."
	case readmodels.OrderPlaced, readmodels.OrderCancelling:
	}
	return r, false
}

func refusal(reason domain.Reason) string {
	switch reason {
	case domain.OutOfStock:
		return "Some items are out of stock"
	case domain.PaymentDeclined:
		return "Your payment was declined"
	case domain.ShipmentRefused:
		return "The carrier cannot deliver this order"
	case domain.CustomerAsked, domain.OperatorAsked:
	}
	return "Your order cannot be fulfilled"
}
