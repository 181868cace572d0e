package catalog_test

import (
	"testing"

	"orderflow/domain/eventlog/eventlogtest"
	"orderflow/domain/catalog"
)

func FuzzDecode(f *testing.F) {
	eventlogtest.FuzzDecode(f, catalog.Codec, func(e catalog.Event) {
		catalog.Decider.Fold(catalog.Decider.Initial, e)
	})
}
