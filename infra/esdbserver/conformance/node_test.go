package conformance_test

import (
	"os/exec"
	"strings"
	"testing"

	"orderflow/infra/esdbserver/conformance"
)

// TestStartNodeThatIsNone: what is no server is an error at once.
func TestStartNodeThatIsNone(t *testing.T) {
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	_, err = conformance.StartNode(t.Context(), tool, t.TempDir(), "")
	if err == nil || !strings.Contains(err.Error(), "ended before it was ready") || !strings.Contains(err.Error(), "go eventstore: unknown command") {
		t.Errorf("starting the go command as a node: %v", err)
	}
	if _, err := conformance.StartNode(t.Context(), "/nowhere/orderflow", t.TempDir(), ""); err == nil {
		t.Error("a binary that is not there was started")
	}
}

// TestPrepareWithoutModule: what cannot be prepared is an error, and leaves
// nothing that the next run would take for a suite.
func TestPrepareWithoutModule(t *testing.T) {
	cache := t.TempDir()
	for range 2 {
		if suite, err := conformance.Prepare(t.Context(), t.TempDir(), cache, nil); err == nil {
			t.Errorf("an empty folder became the suite %v", suite)
		}
	}
}
