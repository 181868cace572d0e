package httpapi

import (
	"time"

	"orderflow/domain"
	"orderflow/readmodels"
)

// money is an amount as the API writes it.
type money struct {
	Minor    int64  `json:"minor" doc:"In minor units, such as pence" example:"1250"`
	Currency string `json:"currency" doc:"ISO 4217" example:"GBP" minLength:"3" maxLength:"3"`
}

func moneyOf(m domain.Money) money { return money{Minor: m.Minor, Currency: m.Currency} }

// orderBody is one order.
type orderBody struct {
	OrderID           domain.OrderID         `json:"order_id"`
	Customer          domain.CustomerID      `json:"customer"`
	Warehouse         domain.Warehouse       `json:"warehouse"`
	Status            readmodels.OrderStatus `json:"status" enum:"placed,pending_payment,confirmed,rejected,cancelling,cancelled"`
	Reason            domain.Reason          `json:"reason,omitempty" doc:"Why it was rejected or cancelled"`
	Detail            string                 `json:"detail,omitempty"`
	Lines             []orderLine            `json:"lines"`
	Total             money                  `json:"total"`
	Refunded          money                  `json:"refunded" doc:"What was given back so far"`
	PaymentID         string                 `json:"payment_id,omitempty" doc:"The gateway's name of the capture"`
	Tracking          string                 `json:"tracking,omitempty" doc:"The carrier's name of the parcel"`
	EstimatedDelivery *time.Time             `json:"estimated_delivery,omitempty"`
	Origin            string                 `json:"origin" enum:"api,import"`
	PlacedAt          time.Time              `json:"placed_at" doc:"When the customer ordered"`
	UpdatedAt         time.Time              `json:"updated_at"`
	Version           int64                  `json:"version" doc:"Of the order's own events; If-Match compares it"`
	Position          int64                  `json:"position" doc:"Of the last event that changed this"`
}

func orderBodyOf(o readmodels.Order) orderBody {
	return orderBody{
		OrderID: o.ID, Customer: o.Customer, Warehouse: o.Warehouse, Status: o.Status, Reason: o.Reason, Detail: o.Detail,
		Lines: orderLinesOf(o.Lines), Total: moneyOf(o.Total), Refunded: moneyOf(o.Refunded),
		PaymentID: o.PaymentReference, Tracking: o.Tracking, EstimatedDelivery: moment(o.EstimatedDelivery), Origin: o.Origin,
		PlacedAt: o.PlacedAt, UpdatedAt: o.UpdatedAt, Version: o.Version, Position: o.Position,
	}
}

// moment is t, or nothing if it is not set.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// isOrderID reports whether s can name an order at all.
func isOrderID(s string) bool {
	const chars = 26
	if len(s) != len("ord_")+chars || s[:4] != "ord_" {
		return false
	}
	for _, c := range []byte(s[4:]) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// orderID reads an order's id from a path; what cannot be one names nothing.
func orderID(s string) (domain.OrderID, error) {
	if !isOrderID(s) {
		return "", domain.Errorf(domain.NotFound, "There is no order %q.", clip(s))
	}
	return domain.OrderID(s), nil
}
