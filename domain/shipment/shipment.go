package shipment

import (
	"time"

	"orderflow/domain"
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
	case Cancelled:
		s.Status = CalledOff
	case Dispatched:
		s.Status = Underway
	case Delivered:
		s.Status = Arrived
	}
	return s
}

// Decision is about one parcel.
type Decision = decider.Decision[State, Event]

// Book records that a carrier will come.
func Book(b Booked) Decision {
	return func(s State) ([]Event, error) {
		switch s.Status {
		case Arranged, Underway, Arrived:
			return nil, nil
		case None, Waiting:
			return []Event{b}, nil
		case Declined, CalledOff:
		}
		return nil, domain.Errorf(domain.Rejected, "The shipment is %s and cannot be booked.", s.Status)
	}
}

// Refuse records that the carrier said no.
func Refuse(carrier, reason string) Decision {
	return func(s State) ([]Event, error) {
		switch s.Status {
		case Declined:
			return nil, nil
		case None, Waiting:
			return []Event{Refused{Carrier: carrier, Reason: reason}}, nil
		case Arranged, CalledOff, Underway, Arrived:
		}
		return nil, domain.Errorf(domain.Rejected, "The shipment is %s and cannot be refused.", s.Status)
	}
}

// Defer records that a booking or a cancellation must wait. One that names the
// moment already waited for is no news.
func Defer(d Deferred) Decision {
	return func(s State) ([]Event, error) {
		switch s.Status {
		case None, Waiting, Arranged:
			if s.RetryAt.Equal(d.RetryAt) && !d.RetryAt.IsZero() {
				return nil, nil
			}
			return []Event{d}, nil
		case Declined, CalledOff, Underway, Arrived:
		}
		return nil, nil
	}
}

// Cancel records that no parcel will be fetched.
func Cancel(reason string) Decision {
	return func(s State) ([]Event, error) {
		switch s.Status {
		case CalledOff:
			return nil, nil
		case None, Waiting, Arranged, Declined:
			return []Event{Cancelled{Reason: reason}}, nil
		case Underway, Arrived:
		}
		return nil, errUnderway()
	}
}

// Dispatch records that the carrier has the parcel.
func Dispatch() Decision {
	return func(s State) ([]Event, error) {
		switch s.Status {
		case Underway, Arrived:
			return nil, nil
		case Arranged:
			return []Event{Dispatched{}}, nil
		case None, Waiting, Declined, CalledOff:
		}
		return nil, domain.Errorf(domain.Rejected, "Only a booked parcel can be dispatched.")
	}
}

// Deliver records that the customer has the parcel.
func Deliver() Decision {
	return func(s State) ([]Event, error) {
		switch s.Status {
		case Arrived:
			return nil, nil
		case Underway:
			return []Event{Delivered{}}, nil
		case None, Waiting, Arranged, Declined, CalledOff:
		}
		return nil, domain.Errorf(domain.Rejected, "Only a dispatched parcel can be delivered.")
	}
}

func errUnderway() error {
	return domain.Errorf(domain.Rejected, "The parcel is on its way; return the goods instead.")
}
