package main

import (
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"orderflow/cmd/orderflow/internal/bench"
	"orderflow/domain"
	"orderflow/domain/catalog"
	"orderflow/domain/eventlog"
	"orderflow/infra/pebblelog"
)

// TestBenchmarksAreMeasuredInTheirOrder however they are named.
func TestBenchmarksAreMeasuredInTheirOrder(t *testing.T) {
	for _, c := range []struct{ named, store, want string }{
		{"read append", "", "append read"},
		{"append read", "esdb://x", "append-1 append-8 append-64 read"},
		{"append-8 replay accept", "esdb://x", "append-8 accept replay"},
		{"replay replay", "esdb://x", "replay"},
		{"", "esdb://x", "append-1 append-8 append-64 streams catch-up import"},
		{"", "", "append accept read confirm rebuild replay start memory growth"},
		{"append memory", "esdb://x", ""},
		{"append nothing", "", ""},
		{"streams", "", ""},
	} {
		cmd := bench.Command{Names: strings.Fields(c.named), Scale: bench.MinScale}
		cmd.EventStore = c.store
		var names []string
		var err error
		if c.store != "" {
			chosen, e := cmd.ChooseOnStore()
			for _, b := range chosen {
				names = append(names, b.Name)
			}
			err = e
		} else {
			chosen, e := cmd.Choose()
			for _, b := range chosen {
				names = append(names, b.Name)
			}
			err = e
		}
		if got := strings.Join(names, " "); got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q on %q: %q, %v; want %q", c.named, c.store, got, err, c.want)
		}
	}
}

// TestBenchPreparesALog that others serve: an empty one cannot be replayed, and
// where something is already the goods are listed all the same.
func TestBenchPreparesALog(t *testing.T) {
	log, err := pebblelog.Open(filepath.Join(t.TempDir(), "log"), pebblelog.Options{IndexIDs: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	b, err := bench.New(bench.MinScale, storeOn(t, log), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.Prepare(t.Context(), "replay"); domain.KindOf(err) != domain.Rejected || !strings.Contains(err.Error(), "no events yet") {
		t.Errorf("an empty log is replayed: %v", err)
	}
	other := eventlog.Pending{ID: eventlog.NewEventID("bench", "other-1", 0), Type: "other.v1", Data: []byte("{}")}
	if _, err := log.Append(t.Context(), "other-1", 0, other); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second finds what the first listed
		if err := errors.Join(b.Prepare(t.Context(), "replay"), b.Prepare(t.Context(), "read")); err != nil {
			t.Fatal(err)
		}
		var types []string
		for r, err := range log.Read(t.Context(), catalog.Stream(bench.SKU(0)), 0) {
			if err != nil {
				t.Fatal(err)
			}
			types = append(types, r.Type)
		}
		if !slices.Equal(types, []string{catalog.Listed{}.EventType()}) {
			t.Errorf("what is in the catalogue: %q", types)
		}
	}
}
