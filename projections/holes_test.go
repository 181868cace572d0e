package projections_test

import (
	"log/slog"
	"testing"

	"orderflow/infra/memory"
	"orderflow/infra/sqlite"
	"orderflow/projections/projectionstest"
)

// An order or a product that lost its first events stops no view.
func TestAHoleStopsNoView(t *testing.T) {
	projectionstest.RunHoles(t, func(t *testing.T) projectionstest.HoleViews {
		v, err := sqlite.Open(t.Context(), t.TempDir(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := v.Close(); err != nil {
				t.Error(err)
			}
		})
		return v
	}, func() projectionstest.HealingLog { return memory.New() })
}
