package conformance_test

import (
	"context"
	"iter"
	"slices"
	"sort"
	"testing"
	"time"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver"
	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/memory"
)

// place is where and when an event was stored.
type place struct {
	position eventlog.Position
	at       time.Time
}

// places shows the first events of a node at positions of their own, as the
// server that the suite was written against had them; what comes later is
// spread as by any node.
//
//	log      1    2    3   …  n    n+1
//	client 167  305  471   …  z    z + the first of Spread
type places []place // not empty

func (p places) last() (at, position uint64) {
	return uint64(len(p)), uint64(p[len(p)-1].position) //nolint:gosec // bytes of a file
}

// Outward implements esdbserver.Positions.
func (p places) Outward(at uint64) uint64 {
	switch n, z := p.last(); {
	case at == 0:
		return 0
	case at <= n:
		return uint64(p[at-1].position) //nolint:gosec // bytes of a file
	default:
		return z + esdbserver.Spread{}.Outward(at-n)
	}
}

// Inward implements esdbserver.Positions.
func (p places) Inward(position uint64) (at uint64, exact bool) {
	n, z := p.last()
	if position >= z {
		at, exact = esdbserver.Spread{}.Inward(position - z)
		return n + at, exact
	}
	at = uint64(sort.Search(len(p), func(i int) bool { return uint64(p[i].position) > position })) //nolint:gosec // bytes of a file
	return at, p.Outward(at) == position
}

// dated shows the first events of a log with times of their own.
type dated struct {
	engine.Log
	places places
}

func (d dated) event(e eventlog.Recorded) eventlog.Recorded {
	if n := eventlog.Position(len(d.places)); e.Position > 0 && e.Position <= n {
		e.At = d.places[e.Position-1].at
	}
	return e
}

func (d dated) events(inner iter.Seq2[eventlog.Recorded, error]) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		for e, err := range inner {
			if !yield(d.event(e), err) {
				return
			}
		}
	}
}

func (d dated) Read(ctx context.Context, s eventlog.Stream, above eventlog.Version) iter.Seq2[eventlog.Recorded, error] {
	return d.events(d.Log.Read(ctx, s, above))
}

func (d dated) ReadBack(ctx context.Context, s eventlog.Stream, below eventlog.Version) iter.Seq2[eventlog.Recorded, error] {
	return d.events(d.Log.ReadBack(ctx, s, below))
}

func (d dated) ReadAll(ctx context.Context, above eventlog.Position, categories ...string) iter.Seq2[eventlog.Recorded, error] {
	return d.events(d.Log.ReadAll(ctx, above, categories...))
}

func (d dated) ReadAllBack(ctx context.Context, below eventlog.Position) iter.Seq2[eventlog.Recorded, error] {
	return d.events(d.Log.ReadAllBack(ctx, below))
}

func (d dated) Find(ctx context.Context, id eventlog.EventID) (eventlog.Recorded, bool, error) {
	e, ok, err := d.Log.Find(ctx, id)
	return d.event(e), ok, err
}

// TestPlaces translates there and back, also numbers between places.
func TestPlaces(t *testing.T) {
	p := places{{position: 10}, {position: 20}, {position: 21}}
	later := 21 + esdbserver.Spread{}.Outward(1)
	told := []uint64{0, 10, 20, 21, later}
	for at, want := range told {
		if got := p.Outward(uint64(at)); got != want { //nolint:gosec // a few
			t.Errorf("event %d is at %d; want %d", at, got, want)
		}
	}
	for position := range later + 2 {
		at, exact := p.Inward(position)
		if position < told[at] || int(at)+1 < len(told) && position >= told[at+1] || exact != slices.Contains(told, position) { //nolint:gosec // a few
			t.Errorf("%d is in the log %d, %t", position, at, exact)
		}
	}
}

// TestDated gives the first event of a log another year, whoever reads it.
func TestDated(t *testing.T) {
	log := dated{memory.NewDense(), places{{10, time.Date(2020, 1, 12, 18, 0, 0, 0, time.UTC)}}}
	for i := range 3 {
		if _, err := log.Append(t.Context(), "test-1", eventlog.Version(i), eventlog.Pending{ID: eventlog.EventID{1, byte(i)}, Type: "tested.v1"}); err != nil {
			t.Fatal(err)
		}
	}
	for name, events := range map[string]iter.Seq2[eventlog.Recorded, error]{
		"Read": log.Read(t.Context(), "test-1", 0), "ReadBack": log.ReadBack(t.Context(), "test-1", eventlog.NewestVersion),
		"ReadAll": log.ReadAll(t.Context(), 0), "ReadAllBack": log.ReadAllBack(t.Context(), eventlog.NewestPosition),
	} {
		for e, err := range events {
			if err != nil || (e.At.Year() == 2020) != (e.Position == 1) {
				t.Errorf("%s: the event at %d is of %v, %v", name, e.Position, e.At, err)
			}
		}
	}
	if e, ok, err := log.Find(t.Context(), eventlog.EventID{1, 0}); err != nil || !ok || e.At.Year() != 2020 {
		t.Errorf("the first event by its id: %+v, %t, %v", e, ok, err)
	}
}
