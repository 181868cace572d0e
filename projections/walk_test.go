package projections_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/following"
	"orderflow/infra/memory"
	"orderflow/infra/sqlite"
	"orderflow/projections"
	"orderflow/projections/projectionstest"
)

const manyOthers = 100_000

// others fills a log with events that no group reads.
func others(t testing.TB, log eventlog.Store, n int) {
	t.Helper()
	const (
		together = 1_000
		stream   = eventlog.Stream("noise-1")
	)
	for from := 0; from < n; from += together {
		events := make([]eventlog.Pending, min(together, n-from))
		for i := range events {
			events[i] = eventlog.Pending{ID: eventlog.NewEventID("noise", stream, from+i), Type: "noise.v1", Data: []byte("{}")}
		}
		if _, err := log.Append(t.Context(), stream, eventlog.Version(from), events...); err != nil {
			t.Fatal(err)
		}
	}
}

// running runs a runner of products on a log until stopped.
func running(t testing.TB, log projections.Log, views projections.Views) (r *projections.Runner, stop func()) {
	t.Helper()
	return runningAt(t, log, views, time.Now)
}

// made is a clock that stands still until it is set.
type made struct {
	mu  sync.Mutex
	now time.Time
}

func (m *made) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

func (m *made) set(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = now
}

// runningAt is running with a clock.
func runningAt(t testing.TB, log projections.Log, views projections.Views, now func() time.Time) (r *projections.Runner, stop func()) {
	t.Helper()
	r = projections.NewRunner(projections.Config{Log: log, Views: views, Groups: productsOnly(t), Now: now, Logger: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return r, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// becomes waits until ok is true.
func becomes(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for late := time.After(30 * time.Second); !ok(); {
		select {
		case <-late:
			t.Fatalf("it never came to be that %s", what)
		case <-time.After(time.Millisecond):
		}
	}
}

// TestASecondStartDoesNotWalkThroughTheEventsOfOthers counts what a server that
// filters has to look at.
func TestASecondStartDoesNotWalkThroughTheEventsOfOthers(t *testing.T) {
	log := &walking{Log: memory.New(), every: 1_000}
	(&projectionstest.History{T: t, Log: log}).Append(listed("a"), listed("b"))
	others(t, log, manyOthers)
	end, err := log.End(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	views := newProducts()
	r, stop := running(t, log, views)
	becomes(t, "the first start passes them", func() bool { return r.Stands(projections.Products) == end })
	stop()
	if n := log.looked.Load(); n < manyOthers {
		t.Fatalf("the first start looked at %d events; the test shows nothing", n)
	}
	if c, _ := views.Checkpoint(t.Context()); c.Event.ID == (eventlog.EventID{}) || c.Passed.Position != end || c.Passed.ID == (eventlog.EventID{}) {
		t.Errorf("the checkpoint is %+v; want the last product, and past the end with its id", c)
	}
	log.looked.Store(0)
	r, stop = running(t, log, views)
	defer stop()
	becomes(t, "the second start is ready", func() bool { return r.Ready(t.Context()) == nil })
	if n := log.looked.Load(); n > 10 {
		t.Errorf("the second start looked at %d events", n)
	}
}

// TestNobodyWalksBesideTheSubscription holds the subscription up half way through
// the events of others: what it has passed is kept, and no other reader walks there.
func TestNobodyWalksBesideTheSubscription(t *testing.T) {
	held, on := make(chan struct{}), make(chan struct{})
	log := &walking{Log: memory.New(), every: 1_000}
	log.gate = func(looked int64) {
		if looked == manyOthers/2+1 {
			close(held)
			<-on
		}
	}
	(&projectionstest.History{T: t, Log: log}).Append(listed("a"))
	others(t, log, manyOthers)
	views, opening := newProducts(), make(chan struct{})
	views.live = sync.OnceFunc(func() { close(opening) })
	now := time.Now()
	clock := &made{now: now}
	r, stop := runningAt(t, log, views, clock.Now)
	defer stop()
	ask := func() {
		t.Helper()
		if _, err := r.Status(t.Context()); err != nil {
			t.Error(err)
		}
	}
	<-opening
	for asking := true; asking; { // from its start on, while its first event waits, is applied, was applied
		ask()
		if reads := log.reads.Load(); reads > 0 {
			close(on)
			t.Fatalf("the log was read %d times beside the subscription", reads)
		}
		select {
		case <-held:
			asking = false
		default:
		}
	}
	if err := r.Ready(t.Context()); err == nil {
		t.Error("it is ready before it has caught up")
	}
	var half eventlog.Position
	becomes(t, "what it passed is kept", func() bool {
		ask()
		c, _ := views.Checkpoint(t.Context())
		half = c.Passed.Position
		return half > 0
	})
	ask()
	brief, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	end, _ := log.End(t.Context())
	if err := r.Await(brief, projections.Products, end); domain.KindOf(err) != domain.Unavailable {
		t.Errorf("a view half way is said to be at the end: %v", err)
	}
	if n, reads := log.looked.Load(), log.reads.Load(); n > manyOthers/2+1 || reads > 0 {
		t.Errorf("%d events were looked at, and all was read %d times, beside the subscription", n, reads)
	}
	if half >= end {
		t.Errorf("it stands at the end, %d, half way", half)
	}
	clock.set(now.Add(following.CheckEvery - time.Second))
	ask()
	if reads := log.reads.Load(); reads > 0 {
		t.Error("the log was read although the subscription is on its way")
	}
	clock.set(now.Add(time.Hour)) // it does not walk any more
	ask()
	if reads := log.reads.Load(); reads != 1 {
		t.Errorf("the log was read %d times to see how far a stalled view is behind; want once", reads)
	}
	clock.set(now)
	close(on)
	becomes(t, "it is ready", func() bool { return r.Ready(t.Context()) == nil })
}

// TestStatusCosts counts what the log is asked for: once what is not applied, and
// not again.
func TestStatusCosts(t *testing.T) {
	log := &walking{Log: memory.New()}
	h := &projectionstest.History{T: t, Log: log}
	others(t, log, 5_000)
	for i := range 1_500 {
		h.Append(listed(domain.SKU("sku" + strings.Repeat("x", i/100) + string(rune('a'+i%100)))))
	}
	views := newProducts()
	r := projections.NewRunner(projections.Config{Log: log, Views: views, Groups: productsOnly(t), Logger: slog.New(slog.DiscardHandler)})
	ask := func() (projections.Status, int64) {
		before := log.looked.Load()
		all, err := r.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return all[0], log.looked.Load() - before
	}
	s, n := ask()
	if s.LagEvents != projections.MaxLagEvents || s.Lag <= 0 || n != 6_000 {
		t.Errorf("the first status looked at %d events and is %+v", n, s)
	}
	lag := s.Lag
	if s, n = ask(); s.LagEvents != projections.MaxLagEvents || s.Lag <= lag || n != 0 {
		t.Errorf("the second status looked at %d events and is %+v", n, s)
	}
	first := firstOf(t, log, "product")
	if err := views.Write(t.Context(), projections.Batch{To: eventlog.Checkpoint{Event: first}}); err != nil {
		t.Fatal(err)
	}
	r = projections.NewRunner(projections.Config{Log: log, Views: views, Groups: productsOnly(t), Logger: slog.New(slog.DiscardHandler)})
	if s, n = ask(); s.LagEvents != projections.MaxLagEvents || n != 1_000 {
		t.Errorf("the status of a view that came on looked at %d events and is %+v", n, s)
	}
	if err := views.Write(t.Context(), projections.Batch{Above: first.Position, To: projectionstest.At(first.Position - 1)}); err != nil {
		t.Fatal(err)
	}
	r = projections.NewRunner(projections.Config{Log: log, Views: views, Groups: productsOnly(t), Logger: slog.New(slog.DiscardHandler)})
	for range 2 {
		if s, _ = ask(); s.LagEvents != projections.MaxLagEvents {
			t.Errorf("a view at a number beside a position is %+v", s)
		}
	}
}

func firstOf(t *testing.T, log eventlog.Store, category string) eventlog.Mark {
	t.Helper()
	for r, err := range log.ReadAll(t.Context(), 0, category) {
		if err != nil {
			t.Fatal(err)
		}
		return eventlog.MarkOf(r)
	}
	t.Fatal("there is none")
	return eventlog.Mark{}
}

// TestALogSetBackAmongTheEventsOfOthers: the last product is still there, what
// the view passed after it is not, and in its place are products.
func TestALogSetBackAmongTheEventsOfOthers(t *testing.T) {
	views := newProducts()
	log := memory.New()
	(&projectionstest.History{T: t, Log: log}).Append(listed("a"))
	others(t, log, 20)
	r, stop := running(t, log, views)
	end, _ := log.End(t.Context())
	becomes(t, "it passes the others", func() bool { return r.Stands(projections.Products) == end })
	stop()
	log = memory.New()
	h := &projectionstest.History{T: t, Log: log}
	h.Append(listed("a"), noise("noise-2"), listed("b"), listed("c"), noise("noise-3"))
	others(t, log, 30) // longer than before
	r, stop = running(t, log, views)
	defer stop()
	becomes(t, "it is ready", func() bool { return r.Ready(t.Context()) == nil })
	if n := views.len(); n != 3 {
		t.Errorf("there are %d products, want 3", n)
	}
}

// TestAViewThatCannotBeComputedAnewKeepsItsRows: its event was removed, and what
// it would have to be computed from has an event that this program does not know.
func TestAViewThatCannotBeComputedAnewKeepsItsRows(t *testing.T) {
	views, err := sqlite.Open(t.Context(), t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer views.Close() //nolint:errcheck // it is thrown away
	log := memory.New()
	h := &projectionstest.History{T: t, Log: log}
	h.Append(listed("a"))
	o := projectionstest.Order{Number: 1, Lines: 1}
	h.Append(o.Confirmed()...)
	run := func() (*projections.Runner, func()) {
		r := projections.NewRunner(projections.Config{Log: log, Views: views, Logger: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = r.Run(ctx) }()
		return r, func() { cancel(); <-done }
	}
	r, stop := run()
	becomes(t, "it is ready", func() bool { return r.Ready(t.Context()) == nil })
	stop()
	h.Append(projectionstest.Fact{Stream: eventlog.Stream("order-" + string(o.ID())), Pending: eventlog.Pending{Type: "order.unheard.v9", Data: []byte("{}")}})
	log.Scavenge(eventlog.Stream("shipment-"+string(o.ID())), 9) // the last event that was folded
	r, stop = run()
	defer stop()
	becomes(t, "it is said to stand still", func() bool {
		err := r.Ready(t.Context())
		return err != nil && strings.Contains(err.Error(), "The view orders is stopped until it is rebuilt")
	})
	if _, err := views.Order(t.Context(), o.ID()); err != nil {
		t.Errorf("its old rows do not serve: %v", err)
	}
	if doubt, err := projections.Doubt(t.Context(), log, views, projections.Groups()[0]); err != nil || domain.KindOf(doubt) != domain.Conflict || errors.Is(doubt, err) {
		t.Errorf("whoever asks is told %v, %v", doubt, err)
	}
}
