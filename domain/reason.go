package domain

// Reason says why an order ended without being fulfilled.
type Reason string

// The reasons. Append only: they are stored and shown.
const (
	OutOfStock      Reason = "out_of_stock"
	PaymentDeclined Reason = "payment_declined"
	ShipmentRefused Reason = "shipment_refused"
	CustomerAsked   Reason = "customer_asked"
	OperatorAsked   Reason = "operator_asked"
)
