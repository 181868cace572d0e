package payment

import (
	"time"

	"orderflow/domain"
	"orderflow/domain/decider"
)

// Decision is about the money of one order.
type Decision = decider.Decision[State, Event]

// Start records that a gateway is about to be called, under a claim in a fleet. It
// returns no events if the outcome of an attempt is open, which must be looked up first,
// or if another process has a claim at now: then the caller must not call the gateway.
func Start(gateway, key string, amount domain.Money, claim domain.Claim, now time.Time) Decision {
	return func(s State) ([]Event, error) {
		switch s.Status {
		case StatusAttempting, StatusUnknown, StatusCaptured:
			return nil, nil
		case StatusNone, StatusDeferred:
			if amount.Minor < 0 {
				return nil, domain.Errorf(domain.Invalid, "The amount %s cannot be charged.", amount)
			}
			if s.Claim.Excludes(claim.By, now) {
				return nil, nil
			}
			started := AttemptStarted{Attempt: s.Attempts + 1, Gateway: gateway, Key: key, Amount: amount}
			if claim != (domain.Claim{}) {
				started.Claim = &claim
			}
			return []Event{started}, nil
		case StatusDeclined, StatusVoided:
		}
		return nil, domain.Errorf(domain.Rejected, "The payment is %s and cannot be tried again.", s.Status)
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

// Capture records that the money was taken. It must be what was asked for.
func Capture(gateway, reference string, amount domain.Money) Decision {
	return func(s State) ([]Event, error) {
		switch s.Status {
		case StatusCaptured:
			if reference != s.Reference || amount != s.Amount {
				return nil, domain.Errorf(domain.Rejected, "The order was charged under %s already.", s.Reference)
			}
			return nil, nil
		case StatusAttempting, StatusUnknown:
			if amount != s.Amount {
				return nil, domain.Errorf(domain.Rejected, "The gateway captured %s where %s was asked for.", amount, s.Amount)
			}
			return []Event{Captured{Gateway: gateway, Reference: reference, Amount: amount}}, nil
		case StatusNone, StatusDeferred, StatusDeclined, StatusVoided:
		}
		return nil, errNoAttempt(s)
	}
}

// Decline records that the gateway said no for good.
func Decline(gateway, reason string) Decision {
	return func(s State) ([]Event, error) {
		switch s.Status {
		case StatusDeclined:
			return nil, nil
		case StatusAttempting, StatusUnknown:
			return []Event{Declined{Gateway: gateway, Reason: reason}}, nil
		case StatusNone, StatusDeferred, StatusCaptured, StatusVoided:
		}
		return nil, errNoAttempt(s)
	}
}

// LoseOutcome records that the answer to a call, or to a question about it, was lost.
func LoseOutcome(gateway, reason string, askAt time.Time) Decision {
	return func(s State) ([]Event, error) {
		switch s.Status {
		case StatusUnknown:
			if s.RetryAt.Equal(askAt) {
				return nil, nil
			}
			return []Event{OutcomeUnknown{Gateway: gateway, Reason: reason, AskAt: askAt}}, nil
		case StatusAttempting:
			return []Event{OutcomeUnknown{Gateway: gateway, Reason: reason, AskAt: askAt}}, nil
		case StatusNone, StatusDeferred, StatusCaptured, StatusDeclined, StatusVoided:
		}
		return nil, errNoAttempt(s)
	}
}

// Defer records that no gateway could be called and surely nothing was taken.
func Defer(gateway, reason string, retryAt time.Time) Decision {
	return func(s State) ([]Event, error) {
		switch s.Status {
		case StatusDeferred:
			if s.RetryAt.Equal(retryAt) {
				return nil, nil
			}
			return []Event{Deferred{Gateway: gateway, Reason: reason, RetryAt: retryAt}}, nil
		case StatusNone, StatusAttempting, StatusUnknown:
			return []Event{Deferred{Gateway: gateway, Reason: reason, RetryAt: retryAt}}, nil
		case StatusCaptured, StatusDeclined, StatusVoided:
		}
		return nil, errNoAttempt(s)
	}
}

// Postpone records that a gateway is not called now. If an attempt was made meanwhile, it
// returns no events.
func Postpone(gateway, reason string, retryAt time.Time) Decision {
	return func(s State) ([]Event, error) {
		if s.Status != StatusNone && s.Status != StatusDeferred {
			return nil, nil
		}
		return Defer(gateway, reason, retryAt)(s)
	}
}

// Void records that nothing was captured and nothing will be.
func Void(reason string) Decision {
	return func(s State) ([]Event, error) {
		switch s.Status {
		case StatusVoided, StatusDeclined:
			return nil, nil
		case StatusNone, StatusAttempting, StatusDeferred, StatusUnknown:
			return []Event{Voided{Reason: reason}}, nil
		case StatusCaptured:
		}
		return nil, domain.Errorf(domain.Rejected, "The money was captured; it can only be refunded.")
	}
}

// VoidUnattempted records that nothing was captured and nothing will be, because no
// gateway was called. If one may have been called meanwhile, it returns no events.
func VoidUnattempted(reason string) Decision {
	return func(s State) ([]Event, error) {
		if s.Attempts > 0 && !s.Amount.IsZero() {
			return nil, nil
		}
		return Void(reason)(s)
	}
}

// DeferVoid records that a void must be tried again. Once the
// outcome of the charge is final it returns no events.
func DeferVoid(gateway, reason string, retryAt time.Time) Decision {
	return func(s State) ([]Event, error) {
		switch s.Status {
		case StatusCaptured, StatusDeclined, StatusVoided:
			return nil, nil
		case StatusAttempting, StatusDeferred, StatusUnknown:
			if s.VoidRetryAt.Equal(retryAt) {
				return nil, nil
			}
			return []Event{VoidDeferred{Gateway: gateway, Reason: reason, RetryAt: retryAt}}, nil
		case StatusNone:
		}
		return nil, errNoAttempt(s)
	}
}

// StartRefund records that money is about to be given back, never more than is held.
func StartRefund(id string, amount domain.Money) Decision {
	return func(s State) ([]Event, error) {
		if r, ok := s.Refund(id); ok {
			if r.Amount != amount {
				return nil, domain.Errorf(domain.Mismatch, "Refund %q was started over %s.", id, r.Amount)
			}
			return nil, nil
		}
		if err := domain.CheckName("The refund's id", id); err != nil {
			return nil, err
		}
		held := s.Held()
		if amount.Minor < 0 || amount.Currency != held.Currency || amount.Minor > held.Minor {
			return nil, domain.Errorf(domain.Rejected, "%s cannot be refunded; %s is held.", amount, held)
		}
		return []Event{RefundStarted{Refund: id, Amount: amount}}, nil
	}
}

// FinishRefund records that the money was given back.
func FinishRefund(id, reference string) Decision {
	return onRefund(id, func(r Refund) []Event {
		return []Event{Refunded{Refund: id, Amount: r.Amount, Reference: reference}}
	})
}

// DeferRefund records that a refund must be asked for again.
func DeferRefund(id, reason string, retryAt time.Time) Decision {
	return onRefund(id, func(r Refund) []Event {
		if r.RetryAt.Equal(retryAt) {
			return nil
		}
		return []Event{RefundDeferred{Refund: id, Reason: reason, RetryAt: retryAt}}
	})
}

// FailRefund records that the gateway refused a refund for good.
func FailRefund(id, reason string) Decision {
	return onRefund(id, func(r Refund) []Event {
		if r.Failed == reason {
			return nil
		}
		return []Event{RefundFailed{Refund: id, Reason: reason}}
	})
}

// FailRefundAgain records, at a time, that the gateway refused a refund that it had
// refused before and that was asked for again after an operator resumed the order.
func FailRefundAgain(id, reason string, at time.Time) Decision {
	return onRefund(id, func(r Refund) []Event {
		if r.Failed == reason && r.RetryAt.Equal(at) {
			return nil
		}
		return []Event{RefundDeferred{Refund: id, Reason: "resumed", RetryAt: at}, RefundFailed{Refund: id, Reason: reason}}
	})
}

func onRefund(id string, events func(Refund) []Event) Decision {
	return func(s State) ([]Event, error) {
		r, ok := s.Refund(id)
		switch {
		case !ok:
			return nil, domain.Errorf(domain.NotFound, "There is no refund %q.", id)
		case r.Done:
			return nil, nil
		}
		return events(r), nil
	}
}

func errNoAttempt(s State) error {
	return domain.Errorf(domain.Rejected, "The payment is %q; no attempt is open.", s.Status)
}
