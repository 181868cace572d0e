package shipment_test

import (
	"testing"

	"orderflow/domain/eventlog/eventlogtest"
	"orderflow/domain/shipment"
)

func FuzzDecode(f *testing.F) {
	eventlogtest.FuzzDecode(f, shipment.Codec, func(e shipment.Event) {
		shipment.Decider.Fold(shipment.Decider.Initial, e)
	})
}
