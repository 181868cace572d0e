package conformance

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

// ClientModule is the client whose suite is run.
const ClientModule = "github.com/EventStore/EventStore-Client-Go/v4"

// prepareWait bounds one command of the preparation: the first may download and
// compile gRPC on a slow line and a busy machine.
const prepareWait = 10 * time.Minute

// Suite is the official suite, ready to run.
type Suite struct {
	Binary    string // the compiled tests
	Resources string // the files they read
}

// Prepare compiles the suite of a client module with one file replaced. It
// keeps the result below cache, so that the next time takes neither a compiler
// nor a network.
func Prepare(ctx context.Context, module, cache string, replacement []byte) (Suite, error) {
	sum := sha256.Sum256(append([]byte(module+"\x00"+runtime.Version()+"\x00"), replacement...))
	kept := filepath.Join(cache, fmt.Sprintf("%x", sum[:8]))
	suite := Suite{Binary: filepath.Join(kept, "esdb.test"), Resources: filepath.Join(kept, "resources")}
	if _, err := os.Stat(suite.Binary); err == nil {
		return suite, nil
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return Suite{}, err
	}
	work, err := os.MkdirTemp(cache, "preparing-")
	if err != nil {
		return Suite{}, err
	}
	defer os.RemoveAll(work) //nolint:errcheck // a temporary folder
	if err := build(ctx, module, work, replacement); err != nil {
		return Suite{}, err
	}
	if err := os.Rename(work, kept); err != nil && !errors.Is(err, fs.ErrExist) { // another run may have been faster
		return Suite{}, err
	}
	return suite, nil
}

// build copies what the tests need of the module to work and compiles them.
func build(ctx context.Context, module, work string, replacement []byte) error {
	for _, folder := range []string{"esdb", "protos", "resources"} {
		if err := os.CopyFS(filepath.Join(work, folder), os.DirFS(filepath.Join(module, folder))); err != nil {
			return err
		}
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join(module, file))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(work, file), data, 0o600); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(work, "esdb", "containers_test.go"), replacement, 0o600); err != nil {
		return err
	}
	if err := dropContainers(ctx, work); err != nil {
		return err
	}
	_, err := goTool(ctx, work, "test", "-c", "-o", "esdb.test", "./esdb")
	return err
}

// dropContainers takes what only the replaced file needed out of go.mod. What
// stays keeps the version that the client's authors chose.
func dropContainers(ctx context.Context, work string) error {
	out, err := goTool(ctx, work, "mod", "edit", "-json")
	if err != nil {
		return err
	}
	var mod struct{ Require []struct{ Path string } }
	if err := json.Unmarshal(out, &mod); err != nil {
		return err
	}
	edit := []string{"mod", "edit"}
	for _, required := range mod.Require {
		wanted := []string{"google.golang.org/", "golang.org/x/", "github.com/google/uuid", "github.com/stretchr/", "github.com/davecgh/", "github.com/pmezard/", "gopkg.in/yaml"}
		if !slices.ContainsFunc(wanted, func(prefix string) bool { return strings.HasPrefix(required.Path, prefix) }) {
			edit = append(edit, "-droprequire="+required.Path)
		}
	}
	if _, err := goTool(ctx, work, edit...); err != nil {
		return err
	}
	_, err = goTool(ctx, work, "mod", "tidy")
	return err
}

// goTool runs the go command in a folder and returns what it printed.
func goTool(ctx context.Context, dir string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, prepareWait)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "PWD="+dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w\n%s%s", strings.Join(args, " "), err, out, stderr.Bytes())
	}
	return out, nil
}

// exactly returns the pattern that matches some tests and what is in them.
func exactly(tests []string) string {
	patterns := make([]string, len(tests))
	for i, test := range tests {
		patterns[i] = "^" + strings.ReplaceAll(regexp.QuoteMeta(test), "/", "$/^") + "$"
	}
	return strings.Join(patterns, "|")
}

// Job is one execution of the suite.
type Job struct {
	Kind string   // as leaf_tests.txt names it
	Only []string // the tests to run; nil for all but Not
	Not  []string
	Env  []string
	// Limit bounds it, in time for the tests to say where they stand.
	Limit time.Duration
}

// Run executes the suite in a folder of its own, which may hold the certificates.
//
//	folder/esdb/       where the tests run
//	folder/resources/  what they read
//	folder/certs/      of [WriteCertificates]
func (s Suite) Run(ctx context.Context, folder string, job Job) (Run, error) {
	ctx, cancel := context.WithTimeout(ctx, job.Limit+time.Minute)
	defer cancel()
	work := filepath.Join(folder, "esdb")
	if err := os.MkdirAll(work, 0o700); err != nil {
		return Run{}, err
	}
	if err := os.Symlink(s.Resources, filepath.Join(folder, "resources")); err != nil && !errors.Is(err, fs.ErrExist) {
		return Run{}, err
	}
	args := []string{"-test.v=test2json", "-test.timeout=" + job.Limit.String()}
	if job.Only != nil {
		args = append(args, "-test.run="+exactly(job.Only))
	}
	if job.Not != nil {
		args = append(args, "-test.skip="+exactly(job.Not))
	}
	tests := exec.CommandContext(ctx, s.Binary, args...)
	tests.Dir, tests.Env = work, append(append(os.Environ(), "PWD="+work), job.Env...)
	var printed, events bytes.Buffer
	tests.Stdout, tests.Stderr = &printed, &printed
	var exit *exec.ExitError
	if err := tests.Run(); err != nil && !errors.As(err, &exit) { // tests that failed are for the judge
		return Run{}, err
	}
	convert := exec.CommandContext(ctx, "go", "tool", "test2json")
	convert.Stdin, convert.Stdout, convert.Stderr = &printed, &events, &events
	if err := convert.Run(); err != nil {
		return Run{}, fmt.Errorf("test2json: %w\n%s", err, &events)
	}
	return ReadRun(job.Kind, &events)
}
