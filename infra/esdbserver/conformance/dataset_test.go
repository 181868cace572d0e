package conformance_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderflow/infra/esdbserver/conformance"
)

// TestDataset checks the rebuilt data set against what the suite recorded and
// is not built from: the positions of all events of some types.
func TestDataset(t *testing.T) {
	resources := filepath.Join(moduleDir(t), "resources")
	events, err := conformance.Dataset(resources)
	if err != nil {
		t.Fatal(err)
	}
	next, count, position := map[string]uint64{}, map[string]int{}, uint64(0)
	var filtered []conformance.Event
	for _, e := range events {
		if e.Position <= position {
			t.Fatalf("position %d follows %d", e.Position, position)
		}
		position = e.Position
		if e.Revision != next[e.Stream] {
			t.Fatalf("revision %d of %s follows %d events", e.Revision, e.Stream, next[e.Stream])
		}
		next[e.Stream]++
		count[e.Stream]++
		if year := e.Created.Year(); year != 2020 {
			t.Errorf("event at %d is of the year %d", e.Position, year)
		}
		if strings.HasPrefix(e.Type, "eventType-194") {
			filtered = append(filtered, e)
		}
	}
	if count["dataset20M-0"] != 6_000 || count["dataset20M-1800"] != 2_000 {
		t.Errorf("dataset20M-0 has %d events, dataset20M-1800 %d", count["dataset20M-0"], count["dataset20M-1800"])
	}
	var positions []struct{ Commit uint64 }
	var versions []uint64
	load(t, filepath.Join(resources, "test", "all-positions-filtered-stream-194-e0-e30.json"), &positions)
	load(t, filepath.Join(resources, "test", "all-versions-filtered-stream-194-e0-e30.json"), &versions)
	for i, want := range positions {
		if e := filtered[i]; e.Position != want.Commit || e.Revision != versions[i] {
			t.Errorf("event %d of the type is revision %d at %d; recorded is %d at %d", i, e.Revision, e.Position, versions[i], want.Commit)
		}
	}
}

func load(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}
