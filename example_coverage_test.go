package orderflow_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// withoutExample lists the packages that others import and that have no Example, each
// with the reason. A package whose name ends in "test" needs none: tests use it.
var withoutExample = map[string]string{}

// TestExamples fails when a package that another package imports has no Example in an
// example_test.go that go test runs: one with an Output comment, or one that a
// TestExample of the same file runs, because it needs a server.
func TestExamples(t *testing.T) {
	packages := list(t)
	imported := map[string]bool{}
	for _, p := range packages {
		for _, imp := range p.Imports {
			if folder, ours := strings.CutPrefix(imp, "orderflow/"); ours {
				imported[folder] = true
			}
		}
	}
	checked := 0
	for _, folder := range slices.Sorted(maps.Keys(imported)) {
		if strings.HasSuffix(folder, "test") {
			continue
		}
		checked++
		reason, exempt := withoutExample[folder]
		has := runsExample(t, filepath.Join(folder, "example_test.go"))
		switch {
		case exempt && has:
			t.Errorf("%s has an Example; take it from withoutExample (%s)", folder, reason)
		case !exempt && !has:
			t.Errorf("%s is imported by others and has no Example that go test runs: write %s/example_test.go", folder, folder)
		}
	}
	for folder := range withoutExample {
		if !imported[folder] {
			t.Errorf("%s is not imported; take it from withoutExample", folder)
		}
	}
	if checked == 0 {
		t.Error("no package is imported by another: the test looks in the wrong place")
	}
}

// runsExample reports whether go test checks what an Example of a file prints.
func runsExample(t *testing.T, file string) bool {
	t.Helper()
	text, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		if !isNotExist(err) {
			t.Error(err)
		}
		return false
	}
	has, run := false, false
	for _, d := range text.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Recv != nil {
			continue
		}
		if strings.HasPrefix(f.Name.Name, "Example") {
			has = true
			run = run || hasOutput(text, f)
		}
		run = run || f.Name.Name == "TestExample"
	}
	return has && run
}

// hasOutput reports whether an Example ends with an Output comment that is not empty.
func hasOutput(text *ast.File, f *ast.FuncDecl) bool {
	for _, c := range text.Comments {
		if c.Pos() > f.Body.Pos() && c.End() < f.Body.End() {
			if _, output, ok := strings.Cut(c.Text(), "Output:"); ok && strings.TrimSpace(output) != "" {
				return true
			}
		}
	}
	return false
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
