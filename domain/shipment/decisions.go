package shipment

import (
	"time"

	"orderflow/domain"
	"orderflow/domain/decider"
)

// Decision is about one parcel.
type Decision = decider.Decision[State, Event]

// StartBooking records that a carrier is about to be asked, under a claim in a fleet. It
// returns no events if that is recorded already, if the outcome is known, or if another
// process has a claim at now: the caller may call the carrier if the state after it has
// the caller's claim.
func StartBooking(carrier, key string, claim domain.Claim, now time.Time) Decision {
	return func(s State) ([]Event, error) {
		recorded := s.Asked && s.Claim == claim
		if recorded || s.Status != StatusNone && s.Status != StatusDeferred || s.Claim.Excludes(claim.By, now) {
			return nil, nil
		}
		started := BookingStarted{Carrier: carrier, Key: key}
		if claim != (domain.Claim{}) {
			started.Claim = &claim
		}
		return []Event{started}, nil
	}
}

// TakeClaim records a claim. If another process has one at now, it returns no events;
// then State.Claim tells whose.
func TakeClaim(claim domain.Claim, now time.Time) Decision {
	return func(s State) ([]Event, error) {
		if s.Claim.Excludes(claim.By, now) || s.Claim == claim {
			return nil, nil
		}
		return []Event{Claimed{Claim: claim}}, nil
	}
}

// Holding returns decide for the process that has the claim, or had it last. If another
// process has taken it since, or has come to a result, it returns no events: what the
// caller learnt from its own call is older.
func Holding(by string, decide Decision) Decision {
	return func(s State) ([]Event, error) {
		if s.Claim.By != by {
			return nil, nil
		}
		return decide(s)
	}
}

// Book records that a carrier will come.
func Book(b Booked) Decision {
	return func(s State) ([]Event, error) {
		switch s.Status {
		case StatusBooked, StatusDispatched, StatusDelivered:
			return nil, nil
		case StatusNone, StatusDeferred:
			return []Event{b}, nil
		case StatusRefused, StatusCancelled:
		}
		return nil, domain.Errorf(domain.Rejected, "The shipment is %s and cannot be booked.", s.Status)
	}
}

// Refuse records that the carrier said no.
func Refuse(carrier, reason string) Decision {
	return func(s State) ([]Event, error) {
		switch s.Status {
		case StatusRefused:
			return nil, nil
		case StatusNone, StatusDeferred:
			return []Event{Refused{Carrier: carrier, Reason: reason}}, nil
		case StatusBooked, StatusCancelled, StatusDispatched, StatusDelivered:
		}
		return nil, domain.Errorf(domain.Rejected, "The shipment is %s and cannot be refused.", s.Status)
	}
}

// Defer records that a booking or a cancellation must wait. One that names the
// moment already waited for is no news.
func Defer(d Deferred) Decision {
	return func(s State) ([]Event, error) {
		switch s.Status {
		case StatusNone, StatusDeferred, StatusBooked:
			if s.RetryAt.Equal(d.RetryAt) && !d.RetryAt.IsZero() {
				return nil, nil
			}
			return []Event{d}, nil
		case StatusRefused, StatusCancelled, StatusDispatched, StatusDelivered:
		}
		return nil, nil
	}
}

// Cancel records that no parcel will be fetched.
func Cancel(reason string) Decision {
	return func(s State) ([]Event, error) {
		switch s.Status {
		case StatusCancelled:
			return nil, nil
		case StatusNone, StatusDeferred, StatusBooked, StatusRefused:
			return []Event{Cancelled{Reason: reason}}, nil
		case StatusDispatched, StatusDelivered:
		}
		return nil, errDispatched()
	}
}

// Dispatch records that the carrier has the parcel.
func Dispatch() Decision {
	return func(s State) ([]Event, error) {
		switch s.Status {
		case StatusDispatched, StatusDelivered:
			return nil, nil
		case StatusBooked:
			return []Event{Dispatched{}}, nil
		case StatusNone, StatusDeferred, StatusRefused, StatusCancelled:
		}
		return nil, domain.Errorf(domain.Rejected, "Only a booked parcel can be dispatched.")
	}
}

// Deliver records that the customer has the parcel.
func Deliver() Decision {
	return func(s State) ([]Event, error) {
		switch s.Status {
		case StatusDelivered:
			return nil, nil
		case StatusDispatched:
			return []Event{Delivered{}}, nil
		case StatusNone, StatusDeferred, StatusBooked, StatusRefused, StatusCancelled:
		}
		return nil, domain.Errorf(domain.Rejected, "Only a dispatched parcel can be delivered.")
	}
}

func errDispatched() error {
	return domain.Errorf(domain.Rejected, "The parcel is on its way; return the goods instead.")
}
