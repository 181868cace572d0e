package conformance

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Verdict is the judge's word on all runs together. Every test is counted once.
type Verdict struct {
	Passed, ExpectedToFail int
	Failed                 []string // tests, sorted
	Problems               []string // what is wrong, a line each, in the order of Failed
}

// String returns the line that the whole ends with.
func (v Verdict) String() string {
	return fmt.Sprintf("conformance: %d passed, %d failed, %d expected to fail", v.Passed, len(v.Failed), v.ExpectedToFail)
}

// Judge compares runs with the expectations. Where there are several
// runs of a kind, all must be right.
func Judge(e Expectations, runs ...Run) Verdict {
	j := judge{Expectations: e, problems: map[string][]string{}}
	for _, run := range runs {
		j.ran(run)
	}
	for test, kinds := range e.Leaves {
		for _, kind := range kinds {
			j.mustHaveRun(test, kind, runs)
		}
	}
	var v Verdict
	for test, kinds := range e.Leaves {
		switch _, excused := e.Excused[test]; {
		case len(kinds) == 0, j.problems[test] != nil:
		case excused:
			v.ExpectedToFail++
		default:
			v.Passed++
		}
	}
	v.Failed = slices.Sorted(maps.Keys(j.problems))
	for _, test := range v.Failed {
		v.Problems = append(v.Problems, j.problems[test]...)
	}
	return v
}

type judge struct {
	Expectations
	problems map[string][]string // by test
}

func (j judge) blame(test, kind, format string, args ...any) {
	j.problems[test] = append(j.problems[test], fmt.Sprintf("%s (%s) %s", test, kind, fmt.Sprintf(format, args...)))
}

// ran judges what a run did; mustHaveRun what it left out.
func (j judge) ran(run Run) {
	for test, outcome := range run.Tests {
		kinds, listed := j.Leaves[test]
		reason, excused := j.Excused[test]
		switch {
		case run.isGroup(test):
			if outcome == Failed && !run.failedInside(test) {
				j.blame(test, run.Name, "failed, though no test in it did")
			}
		case !listed:
			j.blame(test, run.Name, "is not in the list of tests (%s)", describe(outcome))
		case excused && outcome == Passed:
			j.blame(test, run.Name, "passed, but is listed as one that cannot: %s", reason)
		case excused, outcome == Passed:
		case outcome == Skipped && !slices.Contains(kinds, run.Name): // as the suite itself wants it
		default:
			j.blame(test, run.Name, "%s", describe(outcome))
		}
	}
	for test := range j.Excused {
		if _, listed := j.Leaves[test]; !listed {
			j.blame(test, run.Name, "is excused, but is no test of the suite")
		}
	}
	switch {
	case run.Ended == "":
		j.blame("the whole", run.Name, "was cut short")
	case run.Ended == Failed && !run.failedInside(""):
		j.blame("the whole", run.Name, "failed, though no test did")
	}
}

func (j judge) mustHaveRun(test, kind string, runs []Run) {
	if _, excused := j.Excused[test]; excused {
		return
	}
	found := false
	for _, run := range runs {
		if run.Name != kind {
			continue
		}
		found = true
		if _, ran := run.Tests[test]; !ran {
			j.blame(test, kind, "did not run")
		}
	}
	if !found {
		j.blame(test, kind, "did not run: there was no such run")
	}
}

func describe(o Outcome) string {
	switch o {
	case Passed:
		return "passed"
	case Failed:
		return "failed"
	case Skipped:
		return "was skipped"
	}
	return "did not end"
}

// isGroup reports whether other tests ran inside a test.
func (r Run) isGroup(test string) bool {
	for other := range r.Tests {
		if strings.HasPrefix(other, test+"/") {
			return true
		}
	}
	return false
}

// failedInside reports whether a test failed or did not end inside a group, or
// anywhere if it is "".
func (r Run) failedInside(group string) bool {
	for test, outcome := range r.Tests {
		inside := group == "" || strings.HasPrefix(test, group+"/")
		if inside && outcome != Passed && outcome != Skipped {
			return true
		}
	}
	return false
}
