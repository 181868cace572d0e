package deploy_test

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// providerVariable matches the names that keys of payment gateways and carriers have, and
// those of OpenTelemetry, none of which this build reads.
var providerVariable = regexp.MustCompile(`\b(?:STRIPE|PAYPAL|FEDEX|UPS|OTEL)_[A-Z_]*[A-Z]\b`)

// ourVariable matches a variable of ours in any text.
var ourVariable = regexp.MustCompile(`\bORDERFLOW_[A-Z][A-Z_]*[A-Z]\b`)

// stringVariable matches a variable of ours as a string of a Go file or a flag's tag.
var stringVariable = regexp.MustCompile(`"(ORDERFLOW_[A-Z_]+)"`)

// binaryVariables returns the variables that the binary reads, by its sources, and those
// of scripts and tests that it passes over.
func binaryVariables(t *testing.T) (read, foreign []string) {
	t.Helper()
	list := regexp.MustCompile(`(?s)func foreignVariables\(\).*?\n}\n`)
	for _, folder := range []string{"cmd", "infra", "internal", "following", "commands"} {
		for _, file := range files(t, folder, ".go") {
			if strings.HasSuffix(file, "_test.go") || strings.Contains(file, "servicestest") {
				continue
			}
			text := readAll(t, []string{file})
			for _, m := range stringVariable.FindAllStringSubmatch(list.FindString(text), -1) {
				foreign = append(foreign, m[1])
			}
			for _, m := range stringVariable.FindAllStringSubmatch(list.ReplaceAllString(text, ""), -1) {
				read = append(read, m[1])
			}
		}
	}
	if len(read) < 40 || len(foreign) == 0 {
		t.Fatalf("the sources have %v and %v", read, foreign)
	}
	return read, foreign
}

// inventing is the test of the binary's own check, which makes names up.
const inventing = "cmd/orderflow/environment_test.go"

// files lists the files below a folder of the repository, by the ends of their names.
func files(t *testing.T, folder string, ends ...string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && slices.ContainsFunc(ends, func(end string) bool { return strings.HasSuffix(path, end) }) {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestEveryVariableIsReadAndNamed holds the variables of compose, scripts and documents to
// the binary, in both directions: each that a service is given is read, each that is
// written about exists, and each that the binary passes over is another program's.
func TestEveryVariableIsReadAndNamed(t *testing.T) {
	known, foreign := binaryVariables(t)
	all := slices.Concat(known, foreign)
	for name, s := range load(t, development(t)).Services {
		for key := range s.Environment {
			if s.Build != nil && !slices.Contains(known, key) {
				t.Errorf("%s is given %s, which the binary does not read", name, key)
			}
		}
	}
	documents := append(files(t, "docs", ".md"), files(t, "infra/deploy", ".sh", ".md", ".yml")...)
	for _, name := range []string{"README.md", "CONTRIBUTING.md", "Makefile", "Dockerfile", "docker-compose.yml"} {
		documents = append(documents, filepath.Join(root, name))
	}
	tests := files(t, ".", "_test.go")
	for _, file := range append(slices.Clone(documents), tests...) {
		text := readAll(t, []string{file})
		for _, name := range ourVariable.FindAllString(text, -1) {
			if !slices.Contains(all, name) && !strings.HasPrefix(name, "ORDERFLOW_TEST_") && !strings.HasSuffix(file, inventing) {
				t.Errorf("%s has %s, which is no variable", file, name)
			}
		}
		if names := providerVariable.FindAllString(text, -1); len(names) > 0 && !strings.HasSuffix(file, "_test.go") {
			t.Errorf("%s has %v, which nothing reads", file, names)
		}
	}
	used := readAll(t, append(documents, tests...))
	for _, name := range foreign {
		if !strings.Contains(used, name) {
			t.Errorf("%s is passed over, and no script or test has it", name)
		}
	}
	for name := range development(t) {
		if strings.HasPrefix(name, "ORDERFLOW_") && !slices.Contains(all, name) {
			t.Errorf("development.sh makes %s, which is no variable", name)
		}
	}
}
