package payment

import (
	"slices"
	"time"

	"orderflow/domain"
	"orderflow/domain/decider"
)

// Status is the status of a payment.
type Status string

// The life of a payment.
const (
	StatusNone       Status = ""
	StatusAttempting Status = "calling"  // an attempt was recorded; its outcome was not
	StatusDeferred   Status = "deferred" // no gateway could be called; surely nothing was taken
	StatusUnknown    Status = "unknown"  // ask the gateway before anything else
	StatusCaptured   Status = "captured"
	StatusDeclined   Status = "declined"
	StatusVoided     Status = "voided"
)

// Refund is the state of one refund.
type Refund struct {
	ID      string
	Amount  domain.Money
	Done    bool
	Failed  string // the gateway's reason, if it refused for good
	RetryAt time.Time
	Tries   int
	Fails   int // number of final refusals by the gateway
}

// State is what decisions about the money of one order need to know.
type State struct {
	Status    Status
	Gateway   string
	Key       string
	Attempts  int
	Amount    domain.Money // captured, if Status is StatusCaptured; before that, requested
	Reference string
	Reason    string
	RetryAt   time.Time // when to try again or to ask
	Tries     int       // deferrals and lost answers so far
	Refunds   []Refund

	Claim domain.Claim // of the process that calls a gateway now; cleared by a result of the call

	VoidTries   int       // voids that did not come to an answer
	VoidRetryAt time.Time // when to try again
	VoidReason  string    // why the last one did not
}

// Decider folds the events of one payment.
var Decider = decider.Decider[State, Event]{Evolve: evolve}

func evolve(s State, e Event) State {
	if s.ended() && begins(e) {
		return s
	}
	if concludes(e) {
		s.Claim = domain.Claim{}
	}
	switch e := e.(type) {
	case AttemptStarted:
		s.Status, s.Gateway, s.Key, s.Attempts, s.Amount = StatusAttempting, e.Gateway, e.Key, e.Attempt, e.Amount
		s.RetryAt = time.Time{}
		if e.Claim != nil {
			s.Claim = *e.Claim
		}
	case Claimed:
		s.Claim = e.Claim
	case Captured:
		s.Status, s.Gateway, s.Reference, s.Amount, s.Reason, s.RetryAt = StatusCaptured, e.Gateway, e.Reference, e.Amount, "", time.Time{}
	case Declined:
		s.Status, s.Reason, s.RetryAt = StatusDeclined, e.Reason, time.Time{}
	case OutcomeUnknown:
		s.Status, s.Reason, s.RetryAt = StatusUnknown, e.Reason, e.AskAt
		s.Tries++
	case Deferred:
		s.Status, s.Reason, s.RetryAt = StatusDeferred, e.Reason, e.RetryAt
		s.Tries++
	case Voided:
		s.Status, s.Reason, s.RetryAt = StatusVoided, e.Reason, time.Time{}
	case VoidDeferred:
		s.VoidReason, s.VoidRetryAt = e.Reason, e.RetryAt
		s.VoidTries++
	case RefundStarted:
		s.Refunds = append(slices.Clip(s.Refunds), Refund{ID: e.Refund, Amount: e.Amount})
	case Refunded:
		s = s.withRefund(e.Refund, func(r *Refund) { r.Done, r.Failed, r.RetryAt = true, "", time.Time{} })
	case RefundDeferred:
		s = s.withRefund(e.Refund, func(r *Refund) { r.RetryAt, r.Failed, r.Tries = e.RetryAt, "", r.Tries+1 })
	case RefundFailed:
		s = s.withRefund(e.Refund, func(r *Refund) { r.Failed, r.Fails = e.Reason, r.Fails+1 })
	}
	return s
}

// ended reports whether the outcome of the charge is final.
func (s State) ended() bool {
	return s.Status == StatusCaptured || s.Status == StatusDeclined || s.Status == StatusVoided
}

// begins reports whether e is about a charge without a final outcome. Such an event
// follows a final one only if the stream was deleted for a while and a saga took it for
// a new one. It is then ignored, so that captured money never counts as not captured.
func begins(e Event) bool {
	switch e.(type) {
	case AttemptStarted, OutcomeUnknown, Deferred, Declined, Voided, VoidDeferred:
		return true
	case Captured, RefundStarted, Refunded, RefundDeferred, RefundFailed, Claimed:
	}
	return false
}

// concludes reports whether e is the result of a call, which ends the claim to make it.
func concludes(e Event) bool {
	switch e.(type) {
	case Captured, Declined, OutcomeUnknown, Deferred, Voided, VoidDeferred, Refunded, RefundDeferred, RefundFailed:
		return true
	case AttemptStarted, RefundStarted, Claimed:
	}
	return false
}

func (s State) withRefund(id string, change func(*Refund)) State {
	refunds := slices.Clone(s.Refunds)
	for i := range refunds {
		if refunds[i].ID == id {
			change(&refunds[i])
		}
	}
	s.Refunds = refunds
	return s
}

// Refund finds a refund by its id.
func (s State) Refund(id string) (Refund, bool) {
	i := slices.IndexFunc(s.Refunds, func(r Refund) bool { return r.ID == id })
	if i < 0 {
		return Refund{}, false
	}
	return s.Refunds[i], true
}

// Held returns the captured amount less refunds made or started.
func (s State) Held() domain.Money {
	held := domain.Money{Currency: s.Amount.Currency}
	if s.Status != StatusCaptured {
		return held
	}
	held.Minor = s.Amount.Minor
	for _, r := range s.Refunds {
		held.Minor -= r.Amount.Minor
	}
	return held
}
