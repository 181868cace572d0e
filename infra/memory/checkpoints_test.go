package memory_test

import (
	"testing"

	"orderflow/domain/eventlog"
	"orderflow/infra/memory"
)

func TestCheckpoints(t *testing.T) {
	var c memory.Checkpoints
	for _, want := range []eventlog.Position{0, 9, 7} {
		if want > 0 {
			if err := c.SaveCheckpoint(t.Context(), "fulfilment", want); err != nil {
				t.Fatal(err)
			}
		}
		if at, err := c.LoadCheckpoint(t.Context(), "fulfilment"); err != nil || at != want {
			t.Errorf("at %d, %v; want %d", at, err, want)
		}
	}
}
