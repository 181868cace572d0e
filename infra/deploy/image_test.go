package deploy_test

import (
	"debug/elf"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// buildCommand is the Dockerfile's own.
var buildCommand = regexp.MustCompile(`CGO_ENABLED=0 go build [^\n]+`)

// TestTheImageIsOneStaticBinary runs the command of the Dockerfile and what it
// built.
func TestTheImageIsOneStaticBinary(t *testing.T) {
	if testing.Short() {
		t.Skip("the build takes minutes where its cache is cold; it runs without -short")
	}
	binary := filepath.Join(t.TempDir(), "orderflow")
	command := buildCommand.FindString(read(t, filepath.Join(root, "Dockerfile")))
	if !strings.Contains(command, "-o /out/orderflow ") {
		t.Fatalf("the Dockerfile builds with %q", command)
	}
	build := exec.CommandContext(t.Context(), "sh", "-c", strings.Replace(command, "/out/orderflow", binary, 1))
	build.Dir = root
	build.Env = append(build.Environ(), "BUILDVCS=auto", "GOFLAGS=")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	needsNothing(t, binary)
	said, err := exec.CommandContext(t.Context(), binary, "version", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var version struct{ Version, Revision, Go, Platform string }
	if err := json.Unmarshal(said, &version); err != nil || version.Version == "" || version.Go == "" {
		t.Errorf("%v: %s", err, said)
	}
	// A linked worktree has a file there, which the go command does not follow.
	if git, err := os.Stat(filepath.Join(root, ".git")); err == nil && git.IsDir() && len(version.Revision) != 40 {
		t.Errorf("the build does not know its commit: %s", said)
	}
}

// needsNothing fails if a file asks for a loader or a library, which the image has not.
func needsNothing(t *testing.T, file string) {
	t.Helper()
	f, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("it needs a loader")
		}
	}
	if libraries, err := f.ImportedLibraries(); err == nil && len(libraries) > 0 {
		t.Errorf("it needs %v", libraries)
	}
}

// TestTheImageIsNobodys looks at who runs in it, and that its Go is the module's.
func TestTheImageIsNobodys(t *testing.T) {
	text := read(t, filepath.Join(root, "Dockerfile"))
	for _, want := range []string{"\nUSER 65532:65532\n", "\nENTRYPOINT [\"/orderflow\"]\n", "\nFROM gcr.io/distroless/static-debian12:nonroot@sha256:"} {
		if !strings.Contains(text, want) {
			t.Errorf("the Dockerfile has no %q", want)
		}
	}
	wanted := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, filepath.Join(root, "go.mod")))[1]
	if !strings.Contains(text, "FROM golang:"+wanted+".") {
		t.Errorf("the module wants Go %s", wanted)
	}
}

// TestTheBuildSeesWhatGitKnows holds .dockerignore to what git ignores too: a
// tracked file that is missing would make the version a modified one.
func TestTheBuildSeesWhatGitKnows(t *testing.T) {
	ignored := strings.Split(read(t, filepath.Join(root, ".gitignore")), "\n")
	for _, line := range strings.Split(strings.TrimSpace(read(t, filepath.Join(root, ".dockerignore"))), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		found := false
		for _, other := range ignored {
			found = found || other == line
		}
		if !found {
			t.Errorf("%s is kept from the build, and git knows it", line)
		}
	}
}
