package engine_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/memory"
)

// TestReadBounds reads a stream of three events from everywhere, both ways.
func TestReadBounds(t *testing.T) {
	logs(t, func(t *testing.T, log engine.Log) {
		e := newEngine(t, log)
		must(t, e, "test-1", engine.Any, events("a", "b", "c"))
		for _, c := range []struct {
			from int64
			span engine.Span
			want string
		}{
			{0, engine.Span{Max: 9}, "[0 1 2]"},
			{1, engine.Span{Max: 9}, "[1 2]"},
			{1, engine.Span{Max: 1}, "[1]"},
			{3, engine.Span{Max: 9}, "[]"},
			{engine.NewestNumber, engine.Span{Max: 9}, "[]"},
			{0, engine.Span{}, "[]"},
			{engine.NewestNumber, engine.Span{Max: 9, Backwards: true}, "[2 1 0]"},
			{7, engine.Span{Max: 2, Backwards: true}, "[2 1]"},
			{1, engine.Span{Max: 9, Backwards: true}, "[1 0]"},
			{0, engine.Span{Max: 9, Backwards: true}, "[0]"},
		} {
			numbers := []int64{}
			for r, err := range e.ReadStream(ctx(t), "test-1", c.from, c.span) {
				if err != nil {
					t.Fatal(err)
				}
				numbers = append(numbers, r.Event.Number)
			}
			if got := fmt.Sprint(numbers); got != c.want {
				t.Errorf("from %d, %+v: %s; want %s", c.from, c.span, got, c.want)
			}
		}
	})
}

// TestReadAll reads all from every position: at or after it forwards, before it backwards.
func TestReadAll(t *testing.T) {
	logs(t, func(t *testing.T, log engine.Log) {
		e := newEngine(t, log)
		for i := range 5 {
			must(t, e, fmt.Sprint("test-", i), engine.Any, events(fmt.Sprint(i)))
		}
		must(t, e, "$persistentsubscription-$all::g-checkpoint", engine.Any, events("hidden"))
		must(t, e, "$persistentsubscription-$all::g-parked", engine.Any, events("hidden too"))
		must(t, e, "$persistentsubscription-x::g-parked", engine.Any, events("shown"))
		read := func(from uint64, back bool) (at []uint64) {
			for r, err := range e.ReadAll(ctx(t), from, engine.Span{Max: 100, Backwards: back}, nil) {
				if err != nil {
					t.Fatal(err)
				}
				at = append(at, r.Event.Position)
			}
			return at
		}
		all := read(0, false)
		if len(all) != 6 {
			t.Fatalf("%v", all)
		}
		if got := read(engine.NewestPosition, false); got != nil {
			t.Errorf("from the end: %v", got)
		}
		back := read(engine.NewestPosition, true)
		slices.Reverse(back)
		if !slices.Equal(back, all) {
			t.Errorf("backwards: %v; forwards %v", back, all)
		}
		for p := range all[5] + 2 {
			split, _ := slices.BinarySearch(all, p)
			if got := read(p, false); !slices.Equal(got, all[split:]) {
				t.Errorf("from %d: %v; want %v", p, got, all[split:])
			}
			got := read(p, true)
			slices.Reverse(got)
			if !slices.Equal(got, all[:split]) {
				t.Errorf("back from %d: %v; want %v", p, got, all[:split])
			}
		}
	})
}

// TestLinks follows links to what is there, what is hidden and what never was.
func TestLinks(t *testing.T) {
	e := newEngine(t, memory.NewDense())
	must(t, e, "test-1", engine.Any, events("a", "b"))
	must(t, e, "gone-1", engine.Any, events("c"))
	if _, err := e.Delete(ctx(t), "gone-1", engine.Any); err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct{ data, target string }{
		{"1@test-1", "b"},
		{"2@test-1", "nil"},
		{"0@gone-1", "nil"},
		{"0@never-1", "nil"},
		{"no link", "itself"},
		{"-1@test-1", "nil"},
		{"1@", "itself"},
	} {
		link := engine.Proposed{ID: id(fmt.Sprint("link", i)), Type: engine.LinkType, Data: []byte(c.data)}
		must(t, e, "links", engine.Any, []engine.Proposed{link})
		for r, err := range e.ReadStream(ctx(t), "links", int64(i), engine.Span{Max: 1, ResolveLinks: true}) {
			if err != nil {
				t.Fatal(err)
			}
			got := "nil"
			switch {
			case r.Link == nil:
				got = "itself"
			case r.Event != nil:
				got = string(bytes.Trim(r.Event.Data, `"`))
			}
			if got != c.target || r.Original().Stream != "links" {
				t.Errorf("%s leads to %s; want %s", c.data, got, c.target)
			}
		}
	}
}
