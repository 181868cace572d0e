package shipment

import (
	"time"

	"orderflow/domain/decider"
)

// Status is where a parcel is.
type Status string

// The life of a parcel.
const (
	None      Status = ""
	Waiting   Status = "deferred"
	Arranged  Status = "booked"
	Declined  Status = "refused"
	CalledOff Status = "cancelled"
	Underway  Status = "dispatched"
	Arrived   Status = "delivered"
)

// State is what decisions about a parcel need to know.
type State struct {
	Status            Status
	Carrier           string
	Tracking          string
	EstimatedDelivery time.Time
	Reason            string
	RetryAt           time.Time // of a deferred booking or cancellation
	Deferrals         int
	CancelTries       int // of Deferrals, those of calling the parcel off
}

// Decider folds the events of one parcel.
var Decider = decider.Decider[State, Event]{Evolve: evolve}

func evolve(s State, e Event) State {
	switch e := e.(type) {
	case Booked:
		s.Status, s.Carrier, s.Tracking, s.EstimatedDelivery = Arranged, e.Carrier, e.Tracking, e.EstimatedDelivery
		s.Deferrals, s.RetryAt = 0, time.Time{}
	case Refused:
		s.Status, s.Carrier, s.Reason = Declined, e.Carrier, e.Reason
	case Deferred:
		if s.Status == None {
			s.Status = Waiting
		}
		s.Reason, s.RetryAt = e.Reason, e.RetryAt
		s.Deferrals++
		if e.Undoing {
			s.CancelTries++
		}
	case Cancelled:
		s.Status = CalledOff
	case Dispatched:
		s.Status = Underway
	case Delivered:
		s.Status = Arrived
	}
	return s
}
