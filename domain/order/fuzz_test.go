package order_test

import (
	"testing"

	"orderflow/domain/eventlog/eventlogtest"
	"orderflow/domain/order"
)

func FuzzDecode(f *testing.F) {
	eventlogtest.FuzzDecode(f, order.Codec, func(e order.Event) {
		order.Decider.Fold(order.Decider.Initial, e)
		order.Decider.Fold(order.Decider.Initial, placed, confirmed, e)
	})
}
