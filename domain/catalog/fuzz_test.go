package catalog_test

import (
	"testing"

	"orderflow/domain/catalog"
	"orderflow/domain/eventlog/eventlogtest"
)

func FuzzDecode(f *testing.F) {
	eventlogtest.FuzzDecode(f, catalog.Codec, func(e catalog.Event) {
		catalog.Decider.Fold(catalog.Decider.Initial, e)
	})
}
