package shipment

import (
	"orderflow/domain"
	"orderflow/domain/decider"
)

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
