package eventstoredb_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/eventlog/eventlogtest"
	"orderflow/infra/eventstoredb"
	"orderflow/infra/memory"
)

// hide sets the metadata of a stream.
func hide(t testing.TB, c *esdb.Client, s eventlog.Stream, m esdb.StreamMetadata) {
	t.Helper()
	if _, err := c.SetStreamMetadata(t.Context(), string(s), esdb.AppendToStreamOptions{}, m); err != nil {
		t.Fatal(err)
	}
}

// TestTruncatedContract hides the events of streams as an operator does it, by
// metadata; a node shows them in $all until it is scavenged.
func TestTruncatedContract(t *testing.T) {
	eventlogtest.RunTruncated(t, func(t testing.TB) (eventlog.Store, func(eventlog.Stream, eventlog.Version)) {
		n := serve(t, memory.NewDense(), free, nil)
		t.Cleanup(func() { n.stop(t) })
		other := stranger(t, n.address)
		return connect(t, n.address, eventstoredb.Options{}), func(s eventlog.Stream, below eventlog.Version) {
			var m esdb.StreamMetadata
			m.SetTruncateBefore(uint64(below - 1)) //nolint:gosec // versions begin with 1
			hide(t, other, s, m)
		}
	})
}

// TestScavengedContract is the same once the node was scavenged: then $all does
// not show them either.
func TestScavengedContract(t *testing.T) {
	eventlogtest.RunTruncated(t, func(t testing.TB) (eventlog.Store, func(eventlog.Stream, eventlog.Version)) {
		kept := memory.NewDense()
		n := serve(t, kept, free, nil)
		t.Cleanup(func() { n.stop(t) })
		other := stranger(t, n.address)
		return connect(t, n.address, eventstoredb.Options{}), func(s eventlog.Stream, below eventlog.Version) {
			var m esdb.StreamMetadata
			m.SetTruncateBefore(uint64(below - 1)) //nolint:gosec // versions begin with 1
			hide(t, other, s, m)
			kept.Scavenge(s, below)
		}
	})
}

// TestHiddenEvents hides the events of a stream in each way there is. Neither a
// reader nor a writer may take what is left for the whole.
func TestHiddenEvents(t *testing.T) {
	n := serve(t, memory.NewDense(), free, nil)
	defer n.stop(t)
	log, other := connect(t, n.address, eventstoredb.Options{}), stranger(t, n.address)
	var count, all1, below esdb.StreamMetadata
	count.SetMaxCount(1)
	all1.SetTruncateBefore(3)
	below.SetTruncateBefore(1)
	for i, c := range []struct {
		name string
		hide func(s eventlog.Stream)
	}{
		{"$maxCount", func(s eventlog.Stream) { hide(t, other, s, count) }},
		{"$tb", func(s eventlog.Stream) { hide(t, other, s, below) }},
		{"$tb of all", func(s eventlog.Stream) { hide(t, other, s, all1) }},
		{"deleted", func(s eventlog.Stream) {
			if _, err := other.DeleteStream(t.Context(), string(s), esdb.DeleteStreamOptions{}); err != nil {
				t.Fatal(err)
			}
		}},
		{"deleted for ever", func(s eventlog.Stream) {
			if _, err := other.TombstoneStream(t.Context(), string(s), esdb.TombstoneStreamOptions{}); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := eventlog.Stream(fmt.Sprintf("a-%d", i))
			for v := range 3 {
				if _, err := log.Append(t.Context(), s, eventlog.Version(v), event(s, v)); err != nil {
					t.Fatal(err)
				}
			}
			c.hide(s)
			if err := last(log.Read(t.Context(), s, 0)); domain.KindOf(err) != domain.Incomplete {
				t.Errorf("reading: %v, want kind incomplete", err)
			}
			for range 2 {
				if at, err := log.Append(t.Context(), s, 0, event(s, 100)); domain.KindOf(err) != domain.Incomplete {
					t.Errorf("appending version 1: %+v, %v; want kind incomplete", at, err)
				}
			}
			for r, err := range log.ReadAll(t.Context(), 0) {
				if err != nil {
					t.Fatal(err)
				}
				if r.Stream == s && r.ID == event(s, 100).ID {
					t.Errorf("the event that was refused stands in the log at %d", r.Position)
				}
			}
		})
	}
}

// TestTruncatedStreams lists them, with the newest metadata of each.
func TestTruncatedStreams(t *testing.T) {
	n := serve(t, memory.NewDense(), free, nil)
	defer n.stop(t)
	log, other := connect(t, n.address, eventstoredb.Options{}), stranger(t, n.address)
	write(t, log, 6, 3) // a-0, b-1, a-2, b-3, a-4, b-5
	if list, total, err := log.TruncatedStreams(t.Context(), "a", "b"); err != nil || len(list) != 0 || total != 0 {
		t.Errorf("none is truncated: %v, %d, %v", list, total, err)
	}
	var count, age, none, below esdb.StreamMetadata
	count.SetMaxCount(1)
	age.SetMaxAge(time.Hour)
	below.SetMaxCount(7)
	below.SetTruncateBefore(2)
	hide(t, other, "a-0", count)
	hide(t, other, "b-1", count)
	hide(t, other, "b-1", none) // taken back
	hide(t, other, "a-2", count)
	hide(t, other, "a-2", age) // the newest counts
	hide(t, other, "aa-1", count)
	hide(t, other, "b-3", below)
	if _, err := other.DeleteStream(t.Context(), "a-4", esdb.DeleteStreamOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := other.TombstoneStream(t.Context(), "b-5", esdb.TombstoneStreamOptions{}); err != nil {
		t.Fatal(err)
	}
	want := []eventlog.Truncated{
		{Stream: "a-0", How: "$maxCount 1"},
		{Stream: "a-2", How: "$maxAge 3600"},
		{Stream: "a-4", How: "deleted"},
		{Stream: "b-3", How: "$maxCount 7, $tb 2"},
		{Stream: "b-5", How: "deleted for ever"},
	}
	list, total, err := log.TruncatedStreams(t.Context(), "a", "b")
	if err != nil || !slices.Equal(list, want) || total != len(want) {
		t.Errorf("%v, %d, %v; want %v", list, total, err, want)
	}
	list, total, err = log.TruncatedStreams(t.Context())
	if err != nil || total != len(want)+1 || len(list) != total || list[3].Stream != "aa-1" {
		t.Errorf("of all categories: %v, %d, %v; want aa-1 too", list, total, err)
	}
	for i := range eventlog.MaxTruncated + 5 {
		hide(t, other, eventlog.Stream(fmt.Sprintf("many-%d", i)), count)
	}
	if list, total, err = log.TruncatedStreams(t.Context(), "many"); err != nil || len(list) != eventlog.MaxTruncated || total != eventlog.MaxTruncated+5 {
		t.Errorf("%d of %d streams are listed, %v; want %d of %d", len(list), total, err, eventlog.MaxTruncated, eventlog.MaxTruncated+5)
	}
}
