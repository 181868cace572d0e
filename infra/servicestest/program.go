package servicestest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Program returns the path of a program that a test starts for itself, because
// it stops or kills it. One that is not installed is like a server that is not
// there.
func Program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed", name)
	}
	note(t, filepath.Join(moduleRoot(t), ".services", "missing"))
	t.Skipf("%s is not installed", name)
	return ""
}
