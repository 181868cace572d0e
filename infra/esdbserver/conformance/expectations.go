package conformance

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Expectations are the tests that must pass and those that may fail.
type Expectations struct {
	Leaves  map[string][]string // test → kinds of run in which it must pass
	Excused map[string]string   // test that cannot pass → why
}

// readList reads lines of a name, a tab and the rest. Empty lines and those
// that start with # are passed over.
func readList(from string, add func(name, rest string)) error {
	for i, line := range strings.Split(from, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, rest, ok := strings.Cut(line, "\t")
		if rest = strings.TrimSpace(rest); !ok || rest == "" {
			return fmt.Errorf("line %d: %q is not a name, a tab and what is to be said of it", i+1, line)
		}
		add(name, rest)
	}
	return nil
}

// NewExpectations reads the two lists of testdata, as far as they can be read.
// That who is excused is there at all is for the judge to see.
func NewExpectations(leaves, excused string) (Expectations, error) {
	e := Expectations{Leaves: map[string][]string{}, Excused: map[string]string{}}
	err := errors.Join(
		readList(leaves, func(name, runs string) { e.Leaves[name] = strings.Split(runs, ",") }),
		readList(excused, func(name, reason string) { e.Excused[name] = reason }),
	)
	return e, err
}

// Only asks for nothing but some kinds of run, for a run of a part: tests of
// other kinds may run or not, and are not counted.
func (e Expectations) Only(kinds ...string) Expectations {
	part := Expectations{Leaves: map[string][]string{}, Excused: e.Excused}
	for test, of := range e.Leaves {
		part.Leaves[test] = slices.DeleteFunc(slices.Clone(of), func(kind string) bool { return !slices.Contains(kinds, kind) })
	}
	return part
}
