package fulfilment_test

import (
	"testing"

	"orderflow/domain/eventlog/eventlogtest"
	"orderflow/domain/fulfilment"
)

func FuzzDecode(f *testing.F) {
	eventlogtest.FuzzDecode(f, fulfilment.Codec, func(e fulfilment.Event) {
		fulfilment.Decider.Fold(fulfilment.Decider.Initial, e)
	})
}
