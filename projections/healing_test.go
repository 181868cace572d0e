package projections_test

import (
	"log/slog"
	"testing"

	"orderflow/infra/memory"
	"orderflow/infra/sqlite"
	"orderflow/projections/projectionstest"
)

func TestViewsOfALogThatIsNoMoreAreComputedAnew(t *testing.T) {
	projectionstest.RunHealing(t, func(t *testing.T) projectionstest.HealingViews {
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
