package payment_test

import (
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"orderflow/domain"
	"orderflow/domain/payment"
)

// Over any sequence of decisions there is at most one capture, of what was
// asked for, refunds never pass it, and what is held is the difference.
func TestMoneyIsConserved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s payment.State
		var captures, taken, promised, back int64
		for i := range rapid.IntRange(1, 40).Draw(t, "steps") {
			decide := decision(t, i)
			events, err := decide(s)
			if err != nil {
				if len(events) > 0 {
					t.Fatalf("events beside %v", err)
				}
				continue
			}
			for _, e := range events {
				switch e := e.(type) {
				case payment.Captured:
					captures, taken = captures+1, taken+e.Amount.Minor
				case payment.RefundStarted:
					promised += e.Amount.Minor
				case payment.Refunded:
					back += e.Amount.Minor
				}
			}
			s = payment.Decider.Fold(s, events...)
			if again, err := decide(s); err != nil || len(again) > 0 {
				t.Fatalf("deciding again: %+v, %v", again, err)
			}
			switch held := s.Held().Minor; {
			case captures > 1:
				t.Fatalf("%d captures", captures)
			case back > promised || promised > taken:
				t.Fatalf("captured %d, promised back %d, given back %d", taken, promised, back)
			case held != taken-promised:
				t.Fatalf("%d is held of %d less %d", held, taken, promised)
			}
		}
	})
}

func decision(t *rapid.T, i int) payment.Decision {
	amount := domain.GBP(rapid.Int64Range(0, 120).Draw(t, "amount"))
	asked := domain.GBP(100)
	refund := "r" + strconv.Itoa(i-rapid.IntRange(0, 4).Draw(t, "back"))
	reference := rapid.SampledFrom([]string{"p", "q"}).Draw(t, "reference")
	at := rapid.SampledFrom([]int{0, 1}).Draw(t, "at")
	when := soon
	if at == 1 {
		when = later
	}
	switch rapid.IntRange(0, 11).Draw(t, "decision") {
	case 0, 1:
		return payment.Start("sim", "key", asked, domain.Claim{}, time.Time{})
	case 2, 3:
		return payment.Capture("sim", reference, asked)
	case 4:
		return payment.Capture("sim", reference, amount)
	case 5:
		return payment.Decline("sim", "no")
	case 6:
		return payment.LoseOutcome("sim", "timeout", when)
	case 7:
		return payment.Defer("sim", "open", when)
	case 8:
		return payment.Void("reverted")
	case 9:
		return payment.StartRefund(refund, amount)
	case 10:
		return payment.FinishRefund(refund, reference)
	}
	return rapid.SampledFrom([]payment.Decision{payment.DeferVoid("sim", "timeout", when), payment.FailRefund(refund, "no"), payment.DeferRefund(refund, "later", when)}).Draw(t, "refund")
}
