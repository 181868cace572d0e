package payment_test

import (
	"testing"

	"orderflow/domain/eventlog/eventlogtest"
	"orderflow/domain/payment"
)

func FuzzDecode(f *testing.F) {
	eventlogtest.FuzzDecode(f, payment.Codec, func(e payment.Event) {
		payment.Decider.Fold(payment.Decider.Initial, e)
	})
}
