package pebblelog_test

import (
	"strings"
	"testing"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/pebblelog"
)

// TestLongNames writes the longest names and reads them with a log that would
// not take them.
func TestLongNames(t *testing.T) {
	dir := t.TempDir()
	longest := eventlog.Stream("long-" + strings.Repeat("n", int(eventlog.LongNames)-5))
	pending := eventlog.Pending{ID: eventlog.EventID{1}, Type: strings.Repeat("t", int(eventlog.LongNames)), Data: []byte("{}")}
	log := must(pebblelog.Open(dir, pebblelog.Options{LongNames: true, IndexIDs: true}))(t)
	if _, err := log.Append(t.Context(), longest+"n", 0, pending); domain.KindOf(err) != domain.Invalid {
		t.Errorf("a name longer than a key can hold: %v", err)
	}
	for i := range 3 {
		pending.ID[1] = byte(i)
		if _, err := log.Append(t.Context(), longest, eventlog.Version(i), pending); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	log = must(pebblelog.Open(dir, pebblelog.Options{}))(t)
	defer func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	}()
	read := 0
	for r, err := range log.Read(t.Context(), longest, 0) {
		if err != nil || r.Stream != longest || r.Type != pending.Type {
			t.Fatalf("%v", err)
		}
		read++
	}
	for _, err := range log.ReadAll(t.Context(), 0, "long") {
		if err != nil {
			t.Fatal(err)
		}
		read++
	}
	if read != 6 {
		t.Errorf("%d events, want 6", read)
	}
	pending.ID[2] = 1
	if _, err := log.Append(t.Context(), longest, 3, pending); domain.KindOf(err) != domain.Invalid {
		t.Errorf("a log without long names: %v", err)
	}
}

func must(log *pebblelog.Log, err error) func(*testing.T) *pebblelog.Log {
	return func(t *testing.T) *pebblelog.Log {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return log
	}
}
