package pebblelog_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// childOf names the test that a process was started for.
const childOf = "PEBBLELOG_CHILD_OF"

// TestMain looks for leaked goroutines, except in the processes whose disks
// fail: there the goroutines that met the failure stay, as documented.
func TestMain(m *testing.M) {
	if os.Getenv(childOf) != "" {
		os.Exit(m.Run())
	}
	goleak.VerifyTestMain(m)
}

// inOwnProcess runs the test it is called from in a process of its own, and
// returns true there.
func inOwnProcess(t *testing.T) bool {
	t.Helper()
	if os.Getenv(childOf) == t.Name() {
		return true
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=3m",
		fmt.Sprintf("-test.short=%t", testing.Short()))
	child.Env = append(os.Environ(), childOf+"="+t.Name())
	out, err := child.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("in its own process: %v\n%s", err, out)
	} else {
		t.Log(string(out))
	}
	return false
}
