package payment_test

import (
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/decider/decidertest"
	"orderflow/domain/eventlog/eventlogtest"
	"orderflow/domain/payment"
)

var (
	soon  = time.Date(2026, 3, 1, 12, 0, 5, 0, time.UTC)
	later = soon.Add(time.Minute)

	started  = payment.AttemptStarted{Attempt: 1, Gateway: "sim", Key: "ord_1", Amount: domain.GBP(1000)}
	captured = payment.Captured{Gateway: "sim", Reference: "ref_1", Amount: domain.GBP(1000)}
	declined = payment.Declined{Gateway: "sim", Reason: "insufficient_funds"}
	unknown  = payment.OutcomeUnknown{Gateway: "sim", Reason: "timeout", AskAt: soon}
	deferred = payment.Deferred{Gateway: "sim", Reason: "circuit_open", RetryAt: soon}
	voided   = payment.Voided{Reason: "reverted"}

	voidDeferred = payment.VoidDeferred{Gateway: "sim", Reason: "timeout", RetryAt: soon}

	refundStarted  = payment.RefundStarted{Refund: "r1", Amount: domain.GBP(400)}
	refunded       = payment.Refunded{Refund: "r1", Amount: domain.GBP(400), Reference: "ref_2"}
	refundDeferred = payment.RefundDeferred{Refund: "r1", Reason: "timeout", RetryAt: soon}
	refundFailed   = payment.RefundFailed{Refund: "r1", Reason: "account_closed"}

	mine, theirs    = domain.Claim{By: "a", Until: later}, domain.Claim{By: "b", Until: later}
	claimed         = payment.Claimed{Claim: mine}
	startedForClaim = payment.AttemptStarted{Attempt: 1, Gateway: "sim", Key: "ord_1", Amount: domain.GBP(1000), Claim: &mine}
)

// The lives a payment can have led, by the status they end in.
var lives = map[payment.Status][]payment.Event{
	payment.StatusNone:       nil,
	payment.StatusAttempting: {started},
	payment.StatusDeferred:   {started, deferred},
	payment.StatusUnknown:    {started, unknown},
	payment.StatusCaptured:   {started, captured},
	payment.StatusDeclined:   {started, declined},
	payment.StatusVoided:     {started, unknown, voided},
}

func given(t *testing.T, events ...payment.Event) *decidertest.Scenario[payment.State, payment.Event] {
	return decidertest.For(t, payment.Decider).Given(events...)
}

func TestEveryDecisionInEveryStatus(t *testing.T) {
	const none, event = domain.Kind(99), domain.Kind(98)
	type in = map[payment.Status]domain.Kind // Rejected unless given
	for _, tc := range []struct {
		name   string
		decide payment.Decision
		event  payment.Event
		in     in
	}{
		{"start", payment.Start("sim", "ord_1", domain.GBP(1000), domain.Claim{}, time.Time{}), started, in{
			payment.StatusNone: event, payment.StatusAttempting: none, payment.StatusUnknown: none, payment.StatusCaptured: none,
		}},
		{"capture", payment.Capture("sim", "ref_1", domain.GBP(1000)), captured, in{
			payment.StatusAttempting: event, payment.StatusUnknown: event, payment.StatusCaptured: none,
		}},
		{"decline", payment.Decline("sim", "insufficient_funds"), declined, in{
			payment.StatusAttempting: event, payment.StatusUnknown: event, payment.StatusDeclined: none,
		}},
		{"lose the outcome", payment.LoseOutcome("sim", "timeout", soon), unknown, in{
			payment.StatusAttempting: event, payment.StatusUnknown: none,
		}},
		{"defer", payment.Defer("sim", "circuit_open", soon), deferred, in{
			payment.StatusNone: event, payment.StatusAttempting: event, payment.StatusUnknown: event, payment.StatusDeferred: none,
		}},
		{"void", payment.Void("reverted"), voided, in{
			payment.StatusNone: event, payment.StatusAttempting: event, payment.StatusDeferred: event, payment.StatusUnknown: event,
			payment.StatusDeclined: none, payment.StatusVoided: none,
		}},
		{"defer a void", payment.DeferVoid("sim", "timeout", soon), voidDeferred, in{
			payment.StatusAttempting: event, payment.StatusDeferred: event, payment.StatusUnknown: event,
			payment.StatusCaptured: none, payment.StatusDeclined: none, payment.StatusVoided: none,
		}},
		{"start a refund", payment.StartRefund("r1", domain.GBP(400)), refundStarted, in{payment.StatusCaptured: event}},
	} {
		for status, life := range lives {
			if tc.name == "start" && status == payment.StatusDeferred {
				continue // another attempt: see below
			}
			t.Run(tc.name+" when "+string(status), func(t *testing.T) {
				when := given(t, life...).When(tc.decide)
				switch kind, ok := tc.in[status]; {
				case !ok:
					when.ThenFails(domain.Rejected)
				case kind == event:
					when.Then(tc.event)
				default:
					when.Then()
				}
			})
		}
	}
}

func TestAttemptsShareOneKey(t *testing.T) {
	second := payment.AttemptStarted{Attempt: 2, Gateway: "sim", Key: "ord_1", Amount: domain.GBP(1000)}
	given(t, started, deferred).When(payment.Start("sim", "ord_1", domain.GBP(1000), domain.Claim{}, time.Time{})).Then(second)
	given(t).When(payment.Start("sim", "ord_1", domain.GBP(-1), domain.Claim{}, time.Time{})).ThenFails(domain.Invalid)
	given(t).When(payment.Start("sim", "ord_1", domain.GBP(0), domain.Claim{}, time.Time{})).Then(payment.AttemptStarted{Attempt: 1, Gateway: "sim", Key: "ord_1", Amount: domain.GBP(0)})
}

func TestOnlyOneCaptureAndOnlyWhatWasAskedFor(t *testing.T) {
	given(t, started, captured).When(payment.Capture("sim", "ref_9", domain.GBP(1000))).ThenFails(domain.Rejected)
	given(t, started, captured).When(payment.Capture("sim", "ref_1", domain.GBP(999))).ThenFails(domain.Rejected)
	given(t, started).When(payment.Capture("sim", "ref_1", domain.GBP(999))).ThenFails(domain.Rejected)
	given(t, started).When(payment.Capture("sim", "ref_1", domain.Money{Minor: 1000, Currency: "EUR"})).ThenFails(domain.Rejected)
}

func TestWaitingGoesOn(t *testing.T) {
	again := payment.OutcomeUnknown{Gateway: "sim", Reason: "timeout", AskAt: later}
	given(t, started, unknown).When(payment.LoseOutcome("sim", "timeout", later)).Then(again)
	more := payment.Deferred{Gateway: "sim", Reason: "circuit_open", RetryAt: later}
	given(t, started, deferred).When(payment.Defer("sim", "circuit_open", later)).Then(more)
}

// Voids are counted apart from what led to them, and leave the doubt as it was.
func TestVoidsThatWait(t *testing.T) {
	more := payment.VoidDeferred{Gateway: "sim", Reason: "timeout", RetryAt: later}
	given(t, started, unknown, voidDeferred).When(payment.DeferVoid("sim", "timeout", soon)).Then()
	given(t, started, unknown, voidDeferred).When(payment.DeferVoid("sim", "timeout", later)).Then(more)
	given(t, started, unknown, voidDeferred).When(payment.Void("reverted")).Then(voided)
	given(t, started, unknown, voidDeferred).When(payment.Capture("sim", "ref_1", domain.GBP(1000))).Then(captured)
	s := payment.Decider.Fold(payment.State{}, started, unknown, voidDeferred, more)
	if s.Status != payment.StatusUnknown || s.Tries != 1 || s.VoidTries != 2 || !s.RetryAt.Equal(soon) || !s.VoidRetryAt.Equal(later) {
		t.Errorf("%+v", s)
	}
}

func TestRefundsNeverPassWhatIsHeld(t *testing.T) {
	taken := lives[payment.StatusCaptured]
	open := append(taken[:2:2], refundStarted)
	rest := payment.RefundStarted{Refund: "r2", Amount: domain.GBP(600)}
	given(t, open...).When(payment.StartRefund("r2", domain.GBP(600))).Then(rest)
	given(t, open...).When(payment.StartRefund("r2", domain.GBP(601))).ThenFails(domain.Rejected)
	given(t, append(open[:3:3], refunded)...).When(payment.StartRefund("r2", domain.GBP(601))).ThenFails(domain.Rejected)
	given(t, open...).When(payment.StartRefund("r1", domain.GBP(400))).Then()
	given(t, open...).When(payment.StartRefund("r1", domain.GBP(401))).ThenFails(domain.Mismatch)
	given(t, taken...).When(payment.StartRefund("r1", domain.GBP(-1))).ThenFails(domain.Rejected)
	given(t, taken...).When(payment.StartRefund("r1", domain.Money{Minor: 1, Currency: "EUR"})).ThenFails(domain.Rejected)
	given(t, taken...).When(payment.StartRefund("", domain.GBP(1))).ThenFails(domain.Invalid)
}

func TestLifeOfARefund(t *testing.T) {
	open := append(lives[payment.StatusCaptured][:2:2], refundStarted)
	after := func(e ...payment.Event) []payment.Event { return append(open[:3:3], e...) }
	given(t, open...).When(payment.FinishRefund("r1", "ref_2")).Then(refunded)
	given(t, open...).When(payment.DeferRefund("r1", "timeout", soon)).Then(refundDeferred)
	given(t, open...).When(payment.FailRefund("r1", "account_closed")).Then(refundFailed)
	given(t, after(refundDeferred)...).When(payment.DeferRefund("r1", "timeout", soon)).Then()
	given(t, after(refundDeferred)...).When(payment.DeferRefund("r1", "timeout", later)).
		Then(payment.RefundDeferred{Refund: "r1", Reason: "timeout", RetryAt: later})
	given(t, after(refundFailed)...).When(payment.FailRefund("r1", "account_closed")).Then()
	given(t, after(refundFailed)...).When(payment.FinishRefund("r1", "ref_2")).Then(refunded)
	given(t, after(refundFailed)...).When(payment.FailRefundAgain("r1", "account_closed", soon)).
		Then(payment.RefundDeferred{Refund: "r1", Reason: "resumed", RetryAt: soon}, refundFailed)
	given(t, after(refunded)...).When(payment.FinishRefund("r1", "ref_3")).Then()
	given(t, after(refunded)...).When(payment.FailRefund("r1", "late")).Then()
	given(t, after(refunded)...).When(payment.DeferRefund("r1", "late", later)).Then()
	for _, decide := range []payment.Decision{
		payment.FinishRefund("r9", "x"), payment.FailRefund("r9", "x"), payment.DeferRefund("r9", "x", soon),
	} {
		given(t, open...).When(decide).ThenFails(domain.NotFound)
	}
}

func TestStoredForms(t *testing.T) {
	eventlogtest.Golden[payment.Event](t, payment.Codec, started, captured, declined, unknown, deferred, voided,
		refundStarted, refunded, refundDeferred, refundFailed, voidDeferred, claimed, startedForClaim)
}

// Of two processes one gets the claim, until it ends or a result is recorded.
func TestClaims(t *testing.T) {
	start := func(c domain.Claim, now time.Time) payment.Decision {
		return payment.Start("sim", "ord_1", domain.GBP(1000), c, now)
	}
	given(t).When(start(mine, soon)).Then(startedForClaim)
	given(t, startedForClaim).When(start(theirs, soon)).Then()
	given(t, startedForClaim).When(payment.TakeClaim(theirs, soon)).Then()
	given(t, startedForClaim).When(payment.TakeClaim(theirs, later)).Then(payment.Claimed{Claim: theirs})
	given(t, startedForClaim).When(payment.TakeClaim(mine, soon)).Then()
	given(t, startedForClaim, unknown).When(payment.TakeClaim(theirs, soon)).Then(payment.Claimed{Claim: theirs})
	given(t, startedForClaim, deferred, claimed).When(start(theirs, soon)).Then()
}

// What a process learns from a call counts only while nobody else has gone on.
func TestOnlyTheHolderOfTheClaimRecords(t *testing.T) {
	lose := payment.Defer("sim", "canceled", soon)
	given(t, startedForClaim).When(payment.Holding("a", lose)).Then(payment.Deferred{Gateway: "sim", Reason: "canceled", RetryAt: soon})
	given(t, startedForClaim).When(payment.Holding("b", lose)).Then()
	given(t, startedForClaim, unknown).When(payment.Holding("a", lose)).Then()
	given(t, started).When(payment.Holding("", lose)).Then(payment.Deferred{Gateway: "sim", Reason: "canceled", RetryAt: soon})
}

// What is decided without a call must not hide a call that was begun meanwhile.
func TestWithoutACall(t *testing.T) {
	given(t).When(payment.Postpone("sim", "circuit_open", soon)).Then(deferred)
	given(t, started).When(payment.Postpone("sim", "circuit_open", soon)).Then()
	given(t, started, unknown).When(payment.Postpone("sim", "circuit_open", soon)).Then()
	given(t).When(payment.VoidUnattempted("reverted")).Then(voided)
	given(t, deferred).When(payment.VoidUnattempted("reverted")).Then(voided)
	given(t, started).When(payment.VoidUnattempted("reverted")).Then()
}
