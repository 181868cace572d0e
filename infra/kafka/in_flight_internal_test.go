package kafka

import (
	"context"
	"errors"
	"testing"
	"time"

	"orderflow/domain/eventlog"
)

// What was acknowledged is a checkpoint of events and watermarks that the log
// gave out: a watermark counts once every event before it has landed.
func TestWatermarksLandWithTheEventBefore(t *testing.T) {
	mark := func(p eventlog.Position) eventlog.Mark {
		return eventlog.Mark{Position: p, ID: eventlog.EventID{byte(p)}}
	}
	passed := func(p eventlog.Position) eventlog.Mark { return eventlog.Mark{Position: p} }
	f := newInFlight(eventlog.Checkpoint{Event: mark(10), Passed: mark(15)})
	want := func(when string, c eventlog.Checkpoint) {
		t.Helper()
		if have, _ := f.acknowledged(); have != c {
			t.Errorf("%s: %+v, want %+v", when, have, c)
		}
	}
	start := func(p eventlog.Position) func(error) {
		t.Helper()
		landed, err := f.start(context.Background(), mark(p), time.Now(), 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		return landed
	}
	want("at first", eventlog.Checkpoint{Event: mark(10), Passed: mark(15)})
	f.passed(12)
	want("after an old watermark", eventlog.Checkpoint{Event: mark(10), Passed: mark(15)})
	f.passed(20)
	want("idle", eventlog.Checkpoint{Event: mark(10), Passed: passed(20)})
	first := start(30)
	f.passed(35)
	second := start(40)
	f.passed(45)
	f.passed(50)
	want("with two in flight", eventlog.Checkpoint{Event: mark(10), Passed: passed(20)})
	second(nil)
	want("when the second landed first", eventlog.Checkpoint{Event: mark(10), Passed: passed(20)})
	first(nil)
	want("when both have landed", eventlog.Checkpoint{Event: mark(40), Passed: passed(50)})
	third := start(60)
	f.passed(70)
	third(errors.New("no"))
	want("when one was given up", eventlog.Checkpoint{Event: mark(40), Passed: passed(50)})
}
