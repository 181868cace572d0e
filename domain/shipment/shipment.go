package shipment

import (
	"time"

	"orderflow/domain"
	"orderflow/domain/decider"
)

// Status is the status of a parcel.
type Status string

// The life of a parcel.
const (
	StatusNone       Status = ""
	StatusDeferred   Status = "deferred"
	StatusBooked     Status = "booked"
	StatusRefused    Status = "refused"
	StatusCancelled  Status = "cancelled"
	StatusDispatched Status = "dispatched"
	StatusDelivered  Status = "delivered"
)

// State is what decisions about a parcel need to know.
type State struct {
	Status            Status
	Carrier           string // the one that was asked last, or has the parcel
	Asked             bool   // a booking was started and its result is not recorded
	Tracking          string
	EstimatedDelivery time.Time
	Reason            string
	RetryAt           time.Time // of a deferred booking or cancellation
	Deferrals         int
	CancelTries       int          // the deferrals of the cancellation, included in Deferrals
	Claim             domain.Claim // of the process that calls a carrier now; cleared by a result of the call
}

// Decider folds the events of one parcel.
var Decider = decider.Decider[State, Event]{Evolve: evolve}

func evolve(s State, e Event) State {
	switch e := e.(type) {
	case BookingStarted:
		s.Carrier, s.Asked = e.Carrier, true
		if e.Claim != nil {
			s.Claim = *e.Claim
		}
		return s
	case Claimed:
		s.Claim = e.Claim
		return s
	case Booked:
		s.Status, s.Carrier, s.Tracking, s.EstimatedDelivery = StatusBooked, e.Carrier, e.Tracking, e.EstimatedDelivery
		s.Deferrals, s.RetryAt = 0, time.Time{}
	case Refused:
		s.Status, s.Carrier, s.Reason = StatusRefused, e.Carrier, e.Reason
	case Deferred:
		if s.Status == StatusNone {
			s.Status = StatusDeferred
		}
		s.Reason, s.RetryAt = e.Reason, e.RetryAt
		s.Deferrals++
		if e.Compensating {
			s.CancelTries++
		}
	case Cancelled:
		s.Status = StatusCancelled
	case Dispatched:
		s.Status = StatusDispatched
	case Delivered:
		s.Status = StatusDelivered
	}
	s.Asked, s.Claim = false, domain.Claim{} // the result of a call ends the claim to make it
	return s
}
