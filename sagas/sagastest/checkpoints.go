package sagastest

import (
	"testing"

	"orderflow/domain/eventlog"
	"orderflow/sagas"
)

// RunCheckpoints checks a store of checkpoints. reopen returns it as the next
// process has it; the first call returns an empty one.
func RunCheckpoints(t *testing.T, reopen func(t *testing.T) sagas.Checkpoints) {
	t.Helper()
	id := func(b byte) eventlog.EventID { return eventlog.EventID{b, 15: b + 1} }
	mark := func(p eventlog.Position, b byte) eventlog.Mark { return eventlog.Mark{Position: p, ID: id(b)} }
	load := func(c sagas.Checkpoints, name string, want eventlog.Checkpoint) {
		t.Helper()
		if have, err := c.LoadCheckpoint(t.Context(), name); err != nil || have != want {
			t.Errorf("under %s is %+v, %v; want %+v", name, have, err, want)
		}
	}
	const one, other = "one", "other"
	load(reopen(t), one, eventlog.Checkpoint{})
	kept := eventlog.Checkpoint{Event: mark(2_000, 7)}
	c := reopen(t)
	if err := c.SaveCheckpoint(t.Context(), other, kept); err != nil {
		t.Fatal(err)
	}
	for _, want := range []eventlog.Checkpoint{
		{Event: mark(9, 1), Passed: mark(12, 2)},
		{Event: mark(1<<62, 3), Passed: mark(1<<62+5, 255)},
		{Event: mark(9, 1)},                 // back, and nothing passed
		{Passed: mark(400, 4)},              // no event for the reader yet
		{Event: eventlog.Mark{Position: 9}}, // without an id
		{},                                  // the beginning, after the log was replaced
		{Event: mark(7, 5), Passed: mark(8, 6)},
	} {
		if err := c.SaveCheckpoint(t.Context(), one, want); err != nil {
			t.Fatal(err)
		}
		load(c, one, want)
		c = reopen(t)
		load(c, one, want)
	}
	load(c, other, kept)
}
