package orderflow_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	term   = regexp.MustCompile(`^\* \*\*(.+?)\.\*\* `)
	quoted = regexp.MustCompile("`([^`]+)`")
)

// TestGlossary holds the glossary to its order, and its places to the tree: a
// folder in backquotes has to exist, and a file in the folder before it.
func TestGlossary(t *testing.T) {
	text, err := os.ReadFile("docs/glossary.md")
	if err != nil {
		t.Fatal(err)
	}
	var terms []string
	for line := range strings.Lines(string(text)) {
		m := term.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		terms = append(terms, strings.ToLower(m[1]))
		places := 0
		folder := ""
		for _, q := range quoted.FindAllStringSubmatch(line, -1) {
			place := q[1]
			switch {
			case strings.HasSuffix(place, ".go") && !strings.Contains(place, "/"):
				place = path.Join(folder, place)
			case !strings.HasSuffix(place, ".go") && !isFolder(place):
				continue // a name in the code, or an example
			case isFolder(place):
				folder = place
			}
			places++
			if found, err := filepath.Glob(place); err != nil || len(found) == 0 {
				t.Errorf("%s: there is no %s", m[1], place)
			}
		}
		if places == 0 {
			t.Errorf("%s has no place in the tree", m[1])
		}
	}
	if len(terms) == 0 || !slices.IsSorted(terms) || len(slices.Compact(slices.Clone(terms))) != len(terms) {
		t.Errorf("the terms are not in alphabetical order, each once: %q", terms)
	}
}

// isFolder reports whether a place is written as a folder: by its first part.
func isFolder(place string) bool {
	first, _, _ := strings.Cut(place, "/")
	info, err := os.Stat(first)
	return err == nil && info.IsDir() && !strings.HasSuffix(place, ".go")
}
