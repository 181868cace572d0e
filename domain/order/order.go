package order

import (
	"slices"

	"orderflow/domain"
	"orderflow/domain/decider"
)

// Status is the status of an order.
type Status string

// The life of an order: new → placed → confirmed → (cancelling → cancelled), or
// placed → rejected, or placed → cancelling → cancelled.
const (
	StatusNew        Status = ""
	StatusPlaced     Status = "placed"
	StatusConfirmed  Status = "confirmed"
	StatusRejected   Status = "rejected"
	StatusCancelling Status = "cancelling"
	StatusCancelled  Status = "cancelled"
)

// Ended reports whether an order has ended; only returns can follow.
func (s Status) Ended() bool {
	return s == StatusConfirmed || s == StatusRejected || s == StatusCancelled
}

// State is what decisions about an order, and the saga that fulfils it, need
// to know, and no more.
type State struct {
	Status       Status
	Order        domain.OrderID
	Customer     domain.CustomerID
	Warehouse    domain.Warehouse
	Lines        []Line
	Returned     []int64 // units returned so far, by line; nil if none
	Total        domain.Money
	PaymentToken string
	Fingerprint  string
	Reason       domain.Reason
	Returns      []LinesReturned
}

// Decider folds the events of one order.
var Decider = decider.Decider[State, Event]{Evolve: evolve}

func evolve(s State, e Event) State {
	switch e := e.(type) {
	case Placed:
		if s.Status != StatusNew { // a repeat from a time when the stream was deleted; ignored
			return s
		}
		s.Status, s.Order, s.Customer, s.Warehouse = StatusPlaced, e.Order, e.Customer, e.Warehouse
		s.Lines, s.Total = e.Lines, e.Total
		s.PaymentToken, s.Fingerprint = e.PaymentToken, e.Fingerprint
	case Confirmed:
		s.Status = StatusConfirmed
	case Rejected:
		s.Status, s.Reason = StatusRejected, e.Reason
	case CancelRequested:
		s.Status, s.Reason = StatusCancelling, e.Reason
	case Cancelled:
		s.Status, s.Reason = StatusCancelled, e.Reason
	case LinesReturned:
		s.Returns = append(slices.Clip(s.Returns), e)
		returned := make([]int64, len(s.Lines))
		copy(returned, s.Returned)
		for _, l := range e.Lines {
			if l.Line >= 0 && l.Line < len(returned) { // a stored event may be another program's
				returned[l.Line] += l.Quantity
			}
		}
		s.Returned = returned
	}
	return s
}

// Returnable returns the number of units of a line that can still be returned.
func (s State) Returnable(line int) int64 {
	if line < 0 || line >= len(s.Lines) {
		return 0
	}
	left := s.Lines[line].Quantity
	if s.Returned != nil {
		left -= s.Returned[line]
	}
	return left
}

// Return finds a return by its id.
func (s State) Return(id string) (LinesReturned, bool) {
	i := slices.IndexFunc(s.Returns, func(r LinesReturned) bool { return r.Return == id })
	if i < 0 {
		return LinesReturned{}, false
	}
	return s.Returns[i], true
}
