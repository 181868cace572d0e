package fulfilment

import (
	"slices"

	"orderflow/domain"
	"orderflow/domain/decider"
)

// Phase is the part of the work that a fulfilment has reached.
type Phase string

// The phases; see the drawing above.
const (
	PhaseReserving    Phase = ""
	PhaseCharging     Phase = "charging"
	PhaseShipping     Phase = "shipping"
	PhaseFulfilled    Phase = "fulfilled"
	PhaseCompensating Phase = "undoing"
	PhaseCompensated  Phase = "undone"
)

// Step is the next action of a fulfilment.
type Step string

// The steps. Each is a command, or a wait for another saga that reads this one.
const (
	StepReserve        Step = "reserve"         // reserve the order's stock
	StepCharge         Step = "charge"          // charging takes the money
	StepShip           Step = "ship"            // dispatching books a parcel; then the order is confirmed
	StepCancelShipment Step = "cancel_shipment" // dispatching cancels the parcel
	StepRevertPayment  Step = "revert_payment"  // charging voids or refunds
	StepReleaseStock   Step = "release_stock"   // the stock is released; then the order ends
	StepSettleReturn   Step = "settle_return"   // returned goods to stock, their money back
	StepIdle           Step = "rest"            // nothing, until a cancellation or return is requested
	StepAttention      Step = "attention"       // nothing, until an operator resumes
)

// WholeOrder is the id of the refund and of the return to stock that compensate a
// whole order. It cannot collide with a return of the customer: an order with
// returns is not compensated as a whole.
const WholeOrder = "revert"

// Return is one return on its way.
type Return struct {
	ID      string
	Refund  domain.Money
	Settled bool
}

// State is one fulfilment.
type State struct {
	Phase     Phase
	Warehouse domain.Warehouse
	Amount    domain.Money
	Token     string
	Returns   []Return

	// Requested of other aggregates, which must compensate it.
	StockHeld, PaymentAsked, ShipmentAsked bool
	// Answered by them; the streams with the answers are then not empty.
	Paid, Booked bool
	// Compensated.
	ShipmentOff, PaymentBack, StockFree bool
	// Reason for the compensation, and how the order ends.
	Reason domain.Reason
	Detail string
	Cancel bool

	Stuck   *NeedsAttention // nil unless a person must look
	Resumes int             // how often a person did
}

// Decider folds the events of one fulfilment.
var Decider = decider.Decider[State, Event]{Evolve: evolve}

func evolve(s State, e Event) State {
	switch e := e.(type) {
	case StockReserved:
		s.StockHeld, s.Warehouse = true, e.Warehouse
	case PaymentRequested:
		s.Phase, s.PaymentAsked, s.Amount, s.Token = PhaseCharging, true, e.Amount, e.Token
	case PaymentSettled:
		s.Paid = true
	case ShipmentRequested:
		s.Phase, s.ShipmentAsked = PhaseShipping, true
	case ShipmentBooked:
		s.Booked = true
	case Completed:
		s.Phase = PhaseFulfilled
	case Reverting:
		s.Phase, s.Reason, s.Detail, s.Cancel = PhaseCompensating, e.Reason, e.Detail, e.Cancel
	case ShipmentCancelled:
		s.ShipmentOff = true
	case PaymentReverted:
		s.PaymentBack = true
	case StockReleased:
		s.StockFree = true
	case Reverted:
		s.Phase = PhaseCompensated
	case ReturnAccepted:
		s.Returns = append(slices.Clip(s.Returns), Return{ID: e.Return, Refund: e.Refund})
	case ReturnSettled:
		s.Returns = slices.Clone(s.Returns)
		for i := range s.Returns {
			if s.Returns[i].ID == e.Return {
				s.Returns[i].Settled = true
			}
		}
	case NeedsAttention:
		s.Stuck = &e
	case Resumed:
		s.Stuck = nil
		s.Resumes++
	}
	return s
}

// Next returns the next step. It is called again after every event and every crash, so
// each step is safe to repeat. Compensation goes backwards through the steps that were
// requested.
// See docs/adr/002.
func (s State) Next() Step {
	switch {
	case s.Stuck != nil:
		return StepAttention
	case s.Phase == PhaseReserving:
		return StepReserve
	case s.Phase == PhaseCharging:
		return StepCharge
	case s.Phase == PhaseShipping:
		return StepShip
	case s.Phase == PhaseCompensating && s.ShipmentAsked && !s.ShipmentOff:
		return StepCancelShipment
	case s.Phase == PhaseCompensating && s.PaymentAsked && !s.PaymentBack:
		return StepRevertPayment
	case s.Phase == PhaseCompensating:
		return StepReleaseStock
	case s.open() >= 0:
		return StepSettleReturn
	}
	return StepIdle
}

// HasPayment reports whether the order's payment is known to have come to an
// end, so that a payment stream without events lacks some.
func (s State) HasPayment() bool { return s.Paid || s.Reason == domain.PaymentDeclined }

// HasParcel reports whether a carrier is known to have answered, so that a
// shipment stream without events lacks some.
func (s State) HasParcel() bool { return s.Booked || s.Reason == domain.ShipmentRefused }

// OpenReturn returns the return to settle next.
func (s State) OpenReturn() (Return, bool) {
	if i := s.open(); i >= 0 {
		return s.Returns[i], true
	}
	return Return{}, false
}

func (s State) open() int {
	return slices.IndexFunc(s.Returns, func(r Return) bool { return !r.Settled })
}

// HasReturn reports whether a return was accepted.
func (s State) HasReturn(id string) bool {
	return slices.ContainsFunc(s.Returns, func(r Return) bool { return r.ID == id })
}
