package conformance_test

import (
	"context"
	"iter"
	"slices"
	"sort"
	"testing"
	"time"

	"orderflow/domain/eventlog"
	"orderflow/infra/memory"
)

// place is where and when an event was stored.
type place struct {
	position eventlog.Position
	at       time.Time
}

// store is what relocated passes on.
type store interface {
	eventlog.Store
	eventlog.Together
	eventlog.Backwards
	eventlog.Finder
	eventlog.Ended
}

// relocated shows the first events of a log at places of their own, as the log
// that the suite was written against had them; what comes later follows
// without gaps.
//
//	inner    1    2    3   …  n    n+1
//	outer  167  305  471   …  z    z+1
type relocated struct {
	inner  store
	places []place // not empty
}

func (r relocated) last() (inner, outer eventlog.Position) {
	n := len(r.places)
	return eventlog.Position(n), r.places[n-1].position
}

// outward translates the position of an event.
func (r relocated) outward(p eventlog.Position) eventlog.Position {
	switch n, z := r.last(); {
	case p == 0:
		return 0
	case p <= n:
		return r.places[p-1].position
	default:
		return z + p - n
	}
}

// inward returns the position of the last event up to a place.
func (r relocated) inward(p eventlog.Position) eventlog.Position {
	n, z := r.last()
	if p >= z {
		return n + p - z
	}
	return eventlog.Position(sort.Search(len(r.places), func(i int) bool { return r.places[i].position > p }))
}

func (r relocated) event(e eventlog.Recorded) eventlog.Recorded {
	if n, _ := r.last(); e.Position > 0 && e.Position <= n {
		e.At = r.places[e.Position-1].at
	}
	e.Position = r.outward(e.Position)
	return e
}

func (r relocated) events(inner iter.Seq2[eventlog.Recorded, error]) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		for e, err := range inner {
			if !yield(r.event(e), err) {
				return
			}
		}
	}
}

func (r relocated) appended(a eventlog.Appended) eventlog.Appended {
	a.Position = r.outward(a.Position)
	return a
}

func (r relocated) Append(ctx context.Context, s eventlog.Stream, v eventlog.Version, events ...eventlog.Pending) (eventlog.Appended, error) {
	a, err := r.inner.Append(ctx, s, v, events...)
	return r.appended(a), err
}

func (r relocated) AppendTogether(ctx context.Context, writes ...eventlog.Write) ([]eventlog.Appended, error) {
	answers, err := r.inner.AppendTogether(ctx, writes...)
	answers = slices.Clone(answers)
	for i := range answers {
		answers[i] = r.appended(answers[i])
	}
	return answers, err
}

func (r relocated) Read(ctx context.Context, s eventlog.Stream, above eventlog.Version) iter.Seq2[eventlog.Recorded, error] {
	return r.events(r.inner.Read(ctx, s, above))
}

func (r relocated) ReadBack(ctx context.Context, s eventlog.Stream, below eventlog.Version) iter.Seq2[eventlog.Recorded, error] {
	return r.events(r.inner.ReadBack(ctx, s, below))
}

func (r relocated) ReadAll(ctx context.Context, above eventlog.Position, categories ...string) iter.Seq2[eventlog.Recorded, error] {
	return r.events(r.inner.ReadAll(ctx, r.inward(above), categories...))
}

func (r relocated) Subscribe(ctx context.Context, above eventlog.Position, categories ...string) iter.Seq2[eventlog.Recorded, error] {
	return r.events(r.inner.Subscribe(ctx, r.inward(above), categories...))
}

func (r relocated) ReadAllBack(ctx context.Context, below eventlog.Position) iter.Seq2[eventlog.Recorded, error] {
	if below > 0 && below != eventlog.NewestPosition {
		below = r.inward(below-1) + 1
	}
	return r.events(r.inner.ReadAllBack(ctx, below))
}

func (r relocated) Find(ctx context.Context, id eventlog.EventID) (eventlog.Recorded, bool, error) {
	e, ok, err := r.inner.Find(ctx, id)
	return r.event(e), ok, err
}

func (r relocated) End(ctx context.Context) (eventlog.Position, error) {
	p, err := r.inner.End(ctx)
	return r.outward(p), err
}

// TestRelocated reads a small log from every position, both ways.
func TestRelocated(t *testing.T) {
	inner := memory.NewDense()
	old := time.Date(2020, 1, 12, 18, 0, 0, 0, time.UTC)
	r := relocated{inner, []place{{10, old}, {20, old}, {21, old}}}
	for i := range 5 {
		a, err := r.Append(t.Context(), "test-1", eventlog.Version(i), eventlog.Pending{ID: eventlog.EventID{1, byte(i)}, Type: "tested.v1"})
		if err != nil {
			t.Fatal(err)
		}
		if want := []eventlog.Position{10, 20, 21, 22, 23}[i]; a.Position != want {
			t.Errorf("event %d was stored at %d; want %d", i, a.Position, want)
		}
	}
	all := []eventlog.Position{10, 20, 21, 22, 23}
	for p := range eventlog.Position(25) {
		var want, got, back []eventlog.Position
		for _, at := range all {
			if at > p {
				want = append(want, at)
			}
		}
		for e := range r.ReadAll(t.Context(), p) {
			got = append(got, e.Position)
			if (e.At.Year() == 2020) != (e.Position <= 21) {
				t.Errorf("the event at %d is of %v", e.Position, e.At)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("above %d: %v; want %v", p, got, want)
		}
		for e := range r.ReadAllBack(t.Context(), p) {
			back = append(back, e.Position)
		}
		slices.Reverse(back)
		if want := slices.DeleteFunc(slices.Clone(all), func(at eventlog.Position) bool { return at >= p }); !slices.Equal(back, want) {
			t.Errorf("below %d: %v; want %v", p, back, want)
		}
	}
	if end, err := r.End(t.Context()); err != nil || end != 23 {
		t.Errorf("the end is %d, %v", end, err)
	}
}
