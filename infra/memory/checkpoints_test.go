package memory_test

import (
	"testing"

	"orderflow/infra/memory"
	"orderflow/sagas"
	"orderflow/sagas/sagastest"
)

func TestCheckpoints(t *testing.T) {
	var c memory.Checkpoints
	sagastest.RunCheckpoints(t, func(*testing.T) sagas.Checkpoints { return &c })
}
