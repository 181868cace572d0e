package fulfilment

import (
	"orderflow/domain"
	"orderflow/domain/decider"
)

// Decision is about one fulfilment.
type Decision = decider.Decision[State, Event]

// HoldStock records the reservation and asks for the money.
func HoldStock(order domain.OrderID, w domain.Warehouse, amount domain.Money, token string) Decision {
	return at(PhaseReserving, PhaseCharging,
		StockReserved{Warehouse: w}, PaymentRequested{Order: order, Amount: amount, Token: token})
}

// SettlePayment records the capture and asks for a parcel.
func SettlePayment(order domain.OrderID, reference string) Decision {
	return at(PhaseCharging, PhaseShipping, PaymentSettled{Reference: reference}, ShipmentRequested{Order: order})
}

// Complete records the booking and that the order is confirmed.
func Complete(tracking string) Decision {
	return at(PhaseShipping, PhaseFulfilled, ShipmentBooked{Tracking: tracking}, Completed{})
}

// at returns events in phase from, none in phase to, and Conflict in any other phase:
// another writer was first.
func at(from, to Phase, events ...Event) Decision {
	return func(s State) ([]Event, error) {
		switch s.Phase {
		case from:
			return events, nil
		case to:
			return nil, nil
		case PhaseReserving, PhaseCharging, PhaseShipping, PhaseFulfilled, PhaseCompensating, PhaseCompensated:
		}
		return nil, domain.Errorf(domain.Rejected, "The fulfilment is %q, not %q.", s.Phase, from)
	}
}

// Revert begins the compensation. A fulfilment with returns is not compensated.
func Revert(reason domain.Reason, detail string, cancel bool) Decision {
	return func(s State) ([]Event, error) {
		switch s.Phase {
		case PhaseCompensating, PhaseCompensated:
			return nil, nil
		case PhaseReserving, PhaseCharging, PhaseShipping, PhaseFulfilled:
		}
		if len(s.Returns) > 0 {
			return nil, domain.Errorf(domain.Rejected, "Goods of this order were returned; it cannot be cancelled as a whole.")
		}
		return []Event{Reverting{Reason: reason, Detail: detail, Cancel: cancel}}, nil
	}
}

// RecordShipmentCancelled records that no parcel will be fetched.
func RecordShipmentCancelled() Decision {
	return compensating(func(s State) bool { return s.ShipmentOff }, ShipmentCancelled{})
}

// RecordPaymentReverted records that no money of the order is held.
func RecordPaymentReverted() Decision {
	return compensating(func(s State) bool { return s.PaymentBack }, PaymentReverted{})
}

// FinishRevert records that the stock is free and the order ended.
func FinishRevert() Decision {
	return compensating(func(s State) bool { return s.Phase == PhaseCompensated }, StockReleased{}, Reverted{})
}

func compensating(done func(State) bool, events ...Event) Decision {
	return func(s State) ([]Event, error) {
		switch {
		case done(s):
			return nil, nil
		case s.Phase != PhaseCompensating:
			return nil, domain.Errorf(domain.Rejected, "The fulfilment is %q and is not being compensated.", s.Phase)
		}
		return events, nil
	}
}

// AcceptReturn asks for the money of returned goods to be given back.
func AcceptReturn(id string, refund domain.Money) Decision {
	return func(s State) ([]Event, error) {
		switch {
		case s.HasReturn(id):
			return nil, nil
		case s.Phase != PhaseFulfilled:
			return nil, domain.Errorf(domain.Rejected, "Only a fulfilled order takes returns.")
		}
		return []Event{ReturnAccepted{Return: id, Refund: refund}}, nil
	}
}

// SettleReturned records that returned goods are in stock and paid back.
func SettleReturned(id string) Decision {
	return func(s State) ([]Event, error) {
		for _, r := range s.Returns {
			if r.ID == id && !r.Settled {
				return []Event{ReturnSettled{Return: id}}, nil
			}
		}
		if !s.HasReturn(id) {
			return nil, domain.Errorf(domain.NotFound, "There is no return %q.", id)
		}
		return nil, nil
	}
}

// CallAttention stops the work until a person resumes it.
func CallAttention(step Step, reason string) Decision {
	return func(s State) ([]Event, error) {
		if s.Stuck != nil {
			return nil, nil
		}
		return []Event{NeedsAttention{Step: string(step), Reason: reason}}, nil
	}
}

// IfStill returns decide for a fulfilment that waits for the same step as when it was
// seen. If another process has gone on with it since, or a person has resumed it, it
// returns no events: what the caller concluded is out of date.
func IfStill(seen State, decide Decision) Decision {
	return func(s State) ([]Event, error) {
		if s.Next() != seen.Next() || s.Resumes != seen.Resumes {
			return nil, nil
		}
		return decide(s)
	}
}

// Resume resumes the work that waits for a person. If none waits, it does nothing.
func Resume(by, note string) Decision {
	return func(s State) ([]Event, error) {
		if s.Stuck == nil {
			return nil, nil
		}
		if err := domain.CheckText("The note", note); err != nil {
			return nil, err
		}
		return []Event{Resumed{By: by, Note: note}}, nil
	}
}
