package remote

import (
	"time"

	"orderflow/domain"
	"orderflow/infra/simulator"
)

// The paths: one for each operation, and two for the operator.
const (
	pathPrefix  = "/simulator/"
	outagePath  = pathPrefix + "outage"
	summaryPath = pathPrefix + "summary"
)

// The reasons of failures that arise here. They are recorded in events: append only.
const (
	reasonUnauthorized     = "unauthorized"      // the caller has another secret
	reasonServerError      = "server_error"      // a 5xx without a reason
	reasonUnreadableAnswer = "unreadable_answer" // the reply is none of the service's
	reasonUnreadable       = "unreadable_request"
)

// request is a call of a gateway or carrier. The forms here only grow; a service
// refuses a field that it does not know.
type request struct {
	Name      string           `json:"name"` // of the gateway or carrier
	Key       string           `json:"key"`
	Order     domain.OrderID   `json:"order,omitempty"`
	ChargeKey string           `json:"charge_key,omitempty"` // of the charge that a refund belongs to
	Amount    domain.Money     `json:"amount,omitzero"`
	Token     string           `json:"token,omitempty"`
	Warehouse domain.Warehouse `json:"warehouse,omitempty"`
	Units     int64            `json:"units,omitempty"`
}

// answer is the reply to a request that succeeded.
type answer struct {
	Key               string       `json:"key"` // of the request, so that no other reply is taken for this one
	Reference         string       `json:"reference,omitempty"`
	Amount            domain.Money `json:"amount,omitzero"`
	Tracking          string       `json:"tracking,omitempty"`
	EstimatedDelivery time.Time    `json:"estimated_delivery,omitzero"`
}

// fault is the reply to a request that did not succeed.
type fault struct {
	Kind   string `json:"kind"`
	Reason string `json:"reason,omitempty"` // of a charging.Failure or dispatching.Failure
	Text   string `json:"text"`
}

// outage sets how a provider treats every call; the reply repeats it.
type outage struct {
	Provider  simulator.Provider  `json:"provider"`
	Name      string              `json:"name"`
	Behaviour simulator.Behaviour `json:"behaviour"`
}
