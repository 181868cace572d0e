package conformance

import (
	"bufio"
	"encoding/json"
	"io"
)

// Outcome is the result of a test, in the words of test2json.
type Outcome string

// Outcomes of a test. One that started and never ended has none.
const (
	Passed  Outcome = "pass"
	Failed  Outcome = "fail"
	Skipped Outcome = "skip"
)

// Run is one execution of the suite.
type Run struct {
	Name  string             // the kind of run, as leaf_tests.txt names it: insecure, tls
	Tests map[string]Outcome // every test that started, groups included
	// Output is what was printed by each test, and under "" by none of them.
	Output map[string]string
	Ended  Outcome // of the whole, "" if it was cut short
}

// maxLineBytes bounds one line of test2json: a failed assertion prints whole events.
const maxLineBytes = 16 << 20

// ReadRun reads the output of go test -json or of test2json.
func ReadRun(name string, from io.Reader) (Run, error) {
	run := Run{Name: name, Tests: map[string]Outcome{}, Output: map[string]string{}}
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, maxLineBytes)
	for lines.Scan() {
		var event struct{ Action, Test, Output string }
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			run.Output[""] += lines.Text() + "\n" // of the compiler, or of a crash
			continue
		}
		switch event.Action {
		case "output":
			run.Output[event.Test] += event.Output
		case "run":
			run.Tests[event.Test] = ""
		case "pass", "fail", "skip":
			if event.Test == "" {
				run.Ended = Outcome(event.Action)
			} else {
				run.Tests[event.Test] = Outcome(event.Action)
			}
		}
	}
	return run, lines.Err()
}
