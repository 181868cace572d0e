package orderflow_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strings"
	"testing"
)

// named is a file of a document, and the identifiers in it that are named behind it:
// `domain/order/decisions.go` (`Place`, `Confirm`).
var named = regexp.MustCompile("`([\\w./-]+\\.go)`(?:\\s+\\(((?:`[\\w.]+`(?:,\\s+)?)+)\\))?")

// TestDocumentsNameTheCode checks that the files and identifiers that the documents name
// exist. Each document has to name some.
func TestDocumentsNameTheCode(t *testing.T) {
	for _, document := range []string{"docs/architecture.md", "CONTRIBUTING.md"} {
		text, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		places := 0
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(m[1], "/") && m[2] == "" {
				continue // a file that is spoken of in general, such as events.go
			}
			declared := topLevelNames(t, document, m[1])
			for _, name := range quoted.FindAllStringSubmatch(m[2], -1) {
				places++
				if declared != nil && !declared[name[1]] {
					t.Errorf("%s names %s in %s, which does not declare it", document, name[1], m[1])
				}
			}
		}
		if places < 10 {
			t.Errorf("%s names %d identifiers with their files; the test cannot have read it", document, places)
		}
	}
}

// topLevelNames returns what a file declares at its top level: functions, types,
// constants and variables by name, methods as Type.Method.
func topLevelNames(t *testing.T, document, file string) map[string]bool {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Errorf("%s names %s: %v", document, file, err)
		return nil
	}
	found := map[string]bool{}
	for _, d := range parsed.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			name := d.Name.Name
			if d.Recv != nil {
				name = receiver(d.Recv.List[0].Type) + "." + name
			}
			found[name] = true
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					found[s.Name.Name] = true
				case *ast.ValueSpec:
					for _, name := range s.Names {
						found[name.Name] = true
					}
				}
			}
		}
	}
	return found
}
