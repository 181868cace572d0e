package conformance_test

import (
	"os/exec"
	"strings"
	"testing"

	"orderflow/infra/esdbserver/conformance"
)

// moduleDir is where the client's module lies.
func moduleDir(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", conformance.ClientModule).Output()
	dir := strings.TrimSpace(string(out))
	if err != nil || dir == "" {
		t.Fatalf("the module of the client is not here: %v", err)
	}
	return dir
}
