package orderflow_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	adrName   = regexp.MustCompile(`^(\d{3})-[a-z0-9-]+\.md$`)
	adrForm   = regexp.MustCompile(`^# (\d+)\. (.+)\n\n\*\*Status\.\*\* (Accepted|Proposed|Superseded by \d+)\.\n\n(?s:\*\*Context\.\*\* .+\n\n\*\*Decision\.\*\*\s.+\n\n\*\*Consequences\.\*\* .+)$`)
	adrRow    = regexp.MustCompile(`(?m)^\| (\d+) \| \[(.+)\]\((.+)\) \| (.+) \|$`)
	adrCited  = regexp.MustCompile(`docs/adr/(\d{3})`)
	adrFolder = filepath.Join("docs", "adr")
)

// notAboutCode lists the decisions that no Go file can cite, each with the reason.
var notAboutCode = map[int]string{}

// decision is one record in docs/adr.
type decision struct{ file, title, status string }

// TestDecisions holds the records in docs/adr to one form, and their index to them. The
// code has to cite each accepted one, and no other.
func TestDecisions(t *testing.T) {
	found := decisions(t)
	index, err := os.ReadFile(filepath.Join(adrFolder, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	listed := map[int]decision{}
	for i, row := range adrRow.FindAllStringSubmatch(string(index), -1) {
		n, err := strconv.Atoi(row[1])
		if err != nil || n != i+1 {
			t.Errorf("row %d of the index has the number %s; the rows are in order, without a gap", i+1, row[1])
		}
		listed[n] = decision{row[3], row[2], row[4]}
	}
	if !maps.Equal(found, listed) {
		t.Errorf("docs/adr/README.md lists\n%v\nand the files are\n%v", listed, found)
	}
	cited := citations(t)
	for _, n := range slices.Sorted(maps.Keys(found)) {
		_, exempt := notAboutCode[n]
		if found[n].status == "Accepted" && !exempt && len(cited[n]) == 0 {
			t.Errorf("no Go file cites decision %d: write // See docs/adr/%03d. where the code obeys it", n, n)
		}
	}
	for n, files := range cited {
		if d, ok := found[n]; !ok || d.status != "Accepted" {
			t.Errorf("%v cite decision %d, which is not an accepted one in docs/adr", files, n)
		}
	}
}

// decisions reads the records by their numbers.
func decisions(t *testing.T) map[int]decision {
	t.Helper()
	files, err := os.ReadDir(adrFolder)
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]decision{}
	for _, f := range files {
		if f.Name() == "README.md" {
			continue
		}
		name := adrName.FindStringSubmatch(f.Name())
		text, err := os.ReadFile(filepath.Join(adrFolder, f.Name()))
		if name == nil || err != nil {
			t.Errorf("%s is not named as a decision is, 014-a-few-words.md (%v)", f.Name(), err)
			continue
		}
		form := adrForm.FindStringSubmatch(string(text))
		if form == nil {
			t.Errorf("%s does not have the form that docs/adr/README.md shows", f.Name())
			continue
		}
		n, err := strconv.Atoi(form[1])
		if err != nil || fmt.Sprintf("%03d", n) != name[1] {
			t.Errorf("%s has the number %s in its title", f.Name(), form[1])
		}
		if other, ok := found[n]; ok {
			t.Errorf("%s and %s have the same number", other.file, f.Name())
		}
		found[n] = decision{f.Name(), form[2], form[3]}
	}
	return found
}

// citations returns the Go files that cite each decision. Tests do not count.
func citations(t *testing.T) map[int][]string {
	t.Helper()
	cited := map[int][]string{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && (d.Name() == "testdata" || d.Name()[0] == '.'):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range adrCited.FindAllStringSubmatch(string(text), -1) {
			n, err := strconv.Atoi(m[1])
			if err != nil {
				return err
			}
			cited[n] = append(cited[n], path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return cited
}
