package projections_test

import (
	"context"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/memory"
	"orderflow/infra/sqlite"
	"orderflow/projections"
	"orderflow/projections/projectionstest"
	"orderflow/readmodels"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// node is a log, its views, and a runner that follows.
type node struct {
	*projections.Runner
	*projectionstest.History
	log   *memory.Log
	views *sqlite.Views
	last  eventlog.Position
}

func start(t testing.TB, dir string, log *memory.Log, reads projections.Log) *node {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	views, err := sqlite.Open(context.Background(), dir, quiet)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{
		Runner:  projections.NewRunner(projections.Config{Log: reads, Views: views, Logger: quiet}),
		History: &projectionstest.History{T: t, Log: log}, log: log, views: views,
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := views.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func newNode(t *testing.T) *node {
	log := memory.New()
	return start(t, t.TempDir(), log, log)
}

func (n *node) append(facts ...projectionstest.Fact) { n.last = n.Append(facts...) }

func (n *node) caughtUp(t testing.TB) {
	t.Helper()
	for _, g := range projections.Groups() {
		if err := n.Await(context.Background(), g.Name, n.last); err != nil {
			t.Fatal(err)
		}
	}
}

func (n *node) verified(t testing.TB) {
	t.Helper()
	n.caughtUp(t)
	for _, g := range projections.Groups() {
		report, err := n.Verify(context.Background(), g.Name, nil)
		if err != nil {
			t.Fatal(err)
		}
		if report.Position < n.last {
			t.Errorf("%s was verified at %d only, the log is at %d", g.Name, report.Position, n.last)
		}
		for _, d := range report.Differences {
			t.Errorf("%s: %s", g.Name, d)
		}
	}
}

func (n *node) order(t testing.TB, o projectionstest.Order) readmodels.Order {
	t.Helper()
	n.caughtUp(t)
	row, err := n.views.Order(context.Background(), o.ID())
	if err != nil {
		t.Fatal(err)
	}
	return row
}

// TestBatchesDoNotMatter interleaves orders at random, lets the live views
// take them in steps of random size, and compares with a replay in one batch.
func TestBatchesDoNotMatter(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		var queues [][]projectionstest.Fact
		for i := range rapid.IntRange(1, 8).Draw(rt, "orders") {
			o := projectionstest.Order{Number: i, Lines: rapid.IntRange(1, 4).Draw(rt, "lines")}
			fates := [][]projectionstest.Fact{
				o.Confirmed(), o.Rejected(), o.Stuck(), append(o.Waiting(o.PlacedAt()), o.Settled()...),
				slices.Concat(o.Confirmed(), o.CancelAsked(), o.Cancelled()), slices.Concat(o.Confirmed(), o.ReturnAsked(), o.Returned()),
			}
			queues = append(queues, rapid.SampledFrom(fates).Draw(rt, "fate"))
		}
		log := memory.New()
		views, err := sqlite.Open(context.Background(), mkdir(rt, dir), slog.New(slog.DiscardHandler))
		if err != nil {
			rt.Fatal(err)
		}
		defer views.Close() //nolint:errcheck // the comparison is what counts
		runner := projections.NewRunner(projections.Config{Log: log, Views: views, Logger: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- runner.Run(ctx) }()
		defer func() { cancel(); <-done }()
		n := &node{Runner: runner, History: &projectionstest.History{T: t, Log: log}, log: log, views: views}
		n.append(projectionstest.Stocked()[500:]...)
		for len(queues) > 0 {
			i := rapid.IntRange(0, len(queues)-1).Draw(rt, "next")
			n.append(queues[i][0])
			if queues[i] = queues[i][1:]; len(queues[i]) == 0 {
				queues = slices.Delete(queues, i, i+1)
			}
			if rapid.Bool().Draw(rt, "flush") {
				if err := runner.Await(ctx, projections.Orders, n.last); err != nil {
					rt.Fatal(err)
				}
			}
		}
		for _, g := range projections.Groups() {
			if err := runner.Await(ctx, g.Name, n.last); err != nil {
				rt.Fatal(err)
			}
			report, err := runner.Verify(ctx, g.Name, nil)
			if err != nil || !report.OK() {
				rt.Fatalf("%s: %v, %v", g.Name, err, report.Differences)
			}
		}
	})
}

func TestAnOrdersLife(t *testing.T) {
	n := newNode(t)
	n.append(projectionstest.Stocked()...)
	o := projectionstest.Order{Number: 1, Lines: 3}
	n.append(o.Waiting(o.PlacedAt())...)
	if row := n.order(t, o); row.Status != readmodels.OrderPendingPayment || row.Version != 1 {
		t.Errorf("waiting for payment: %+v", row)
	}
	n.append(o.Settled()...)
	if row := n.order(t, o); row.Status != readmodels.OrderPlaced || int64(n.last) != row.Position {
		t.Errorf("after payment: %+v", row)
	}
	o = projectionstest.Order{Number: 2, Lines: 3}
	n.append(o.Confirmed()...)
	row := n.order(t, o)
	if row.Status != readmodels.OrderConfirmed || row.Version != 2 || row.Tracking != "TRK2" || row.PaymentReference != "pay_2" {
		t.Errorf("confirmed: %+v", row)
	}
	day := sales(t, n, o)
	if day.Placed != 2 || day.Orders != 1 || day.RevenueMinor != row.Total.Minor || day.Units != row.Units() {
		t.Errorf("sales of a confirmed order: %+v", day)
	}
	n.append(o.ReturnAsked()...)
	if f := work(t, n, o); f.Finished || f.PendingReturns != 1 {
		t.Errorf("a return is asked for: %+v", f)
	}
	n.append(o.Returned()...)
	if row := n.order(t, o); row.Lines[0].Returned != 1 || row.Refunded != domain.GBP(255) {
		t.Errorf("returned: %+v", row)
	}
	if day := sales(t, n, o); day.RefundedMinor != 255 {
		t.Errorf("sales after a return: %+v", day)
	}
	if f := work(t, n, o); !f.Finished {
		t.Errorf("the return is settled: %+v", f)
	}
	o = projectionstest.Order{Number: 3, Lines: 3}
	n.append(o.Confirmed()...)
	n.append(o.CancelAsked()...)
	if f := work(t, n, o); f.Finished || !f.CancelAsked {
		t.Errorf("cancellation is asked for: %+v", f)
	}
	n.append(o.Cancelled()...)
	if row := n.order(t, o); row.Status != readmodels.OrderCancelled || row.Refunded != row.Total {
		t.Errorf("cancelled: %+v", row)
	}
	if day := sales(t, n, o); day.Orders != 1 || day.Cancelled != 1 || day.RefundedMinor != 255 {
		t.Errorf("sales after a cancellation: %+v", day)
	}
	if f := work(t, n, o); !f.Finished || f.Phase != readmodels.PhaseCompensated {
		t.Errorf("undone: %+v", f)
	}
	n.verified(t)
}

func sales(t *testing.T, n *node, o projectionstest.Order) readmodels.SalesDay {
	t.Helper()
	n.caughtUp(t)
	days, err := n.views.Sales(t.Context(), o.PlacedAt(), o.PlacedAt().AddDate(0, 0, 1))
	if err != nil || len(days) != 1 {
		t.Fatalf("sales: %+v, %v", days, err)
	}
	return days[0]
}

func work(t *testing.T, n *node, o projectionstest.Order) readmodels.Fulfilment {
	t.Helper()
	n.caughtUp(t)
	f, err := n.views.Fulfilment(t.Context(), o.ID())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestABrokenEventStopsItsGroupAndNoOther(t *testing.T) {
	for name, bad := range map[string]eventlog.Pending{
		"not JSON":     {Type: "order.placed.v1", Data: []byte("{")},
		"unknown type": {Type: "order.teleported.v1", Data: []byte("{}")},
		"out of place": {Type: "order.confirmed.v1", Data: []byte("{}")},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			good := projectionstest.Order{Number: 1, Lines: 1}
			n.append(good.Confirmed()...)
			before := n.last
			n.append(projectionstest.Fact{Stream: "order-bad", Pending: bad})
			at := n.last
			n.append(projectionstest.Stocked()...)
			if err := n.Await(t.Context(), projections.Stock, n.last); err != nil {
				t.Error(err)
			}
			if err := n.Await(t.Context(), projections.Orders, at); domain.KindOf(err) != domain.Unavailable {
				t.Errorf("waiting for a broken view answers %v", err)
			}
			all, err := n.Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			s := all[0]
			if s.State != projections.Broken || s.Position >= at || s.Position > before || !strings.Contains(s.Error, "order-bad") {
				t.Errorf("the status is %+v", s)
			}
			if s.LagEvents == 0 {
				t.Errorf("a broken view has no lag: %+v", s)
			}
			if _, err := n.Rebuild(t.Context(), projections.Orders, nil); err == nil {
				t.Error("a rebuild stepped over the event")
			}
		})
	}
}

// TestAnOrderPlacedAgain: a second placement, appended while the order's stream was
// deleted in the event store, changes no row, and neither stops nor fails anything.
func TestAnOrderPlacedAgain(t *testing.T) {
	n := newNode(t)
	facts := projectionstest.Order{Number: 1, Lines: 2}.Confirmed()
	n.append(facts...)
	again := facts[0]
	again.Pending.ID[0]++
	n.append(again)
	n.append(projectionstest.Order{Number: 2, Lines: 1}.Confirmed()...)
	if err := n.Await(t.Context(), projections.Orders, n.last); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Rebuild(t.Context(), projections.Orders, nil); err != nil {
		t.Fatal(err)
	}
	report, err := n.Verify(t.Context(), projections.Orders, nil)
	if err != nil || !report.OK() || report.Sums["sales.placed"] != 2 {
		t.Errorf("%+v, %v", report, err)
	}
}

// repeating delivers every event twice, and begins before where it was asked to.
type repeating struct{ *memory.Log }

func (r repeating) Subscribe(ctx context.Context, above eventlog.Position, categories ...string) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		for e, err := range r.Log.Subscribe(ctx, max(0, above-10), categories...) {
			if !yield(e, err) || err == nil && !yield(e, nil) {
				return
			}
		}
	}
}

func TestWhatIsDeliveredTwiceCountsOnce(t *testing.T) {
	log := memory.New()
	n := start(t, t.TempDir(), log, repeating{log})
	n.append(projectionstest.Mixed(40, 3)...)
	n.verified(t)
}

func TestRebuildUnderReadsAndWrites(t *testing.T) {
	n := newNode(t)
	n.append(projectionstest.Mixed(50, 3)...)
	n.caughtUp(t)
	first := projectionstest.Order{Number: 0, Lines: 3}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for ctx.Err() == nil {
				if _, err := n.views.Order(t.Context(), first.ID()); err != nil {
					t.Errorf("a read during a rebuild: %v", err)
					return
				}
			}
		})
	}
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		for i := 1000; i < 1100; i++ {
			n.append(projectionstest.Order{Number: i, Lines: 2}.Confirmed()...)
		}
	}()
	rebuilds := 0
	for writing := true; writing || rebuilds < 3; rebuilds++ {
		for _, g := range projections.Groups() {
			if _, err := n.Rebuild(t.Context(), g.Name, nil); err != nil {
				t.Fatal(err)
			}
		}
		select {
		case <-wrote:
			writing = false
		default:
		}
	}
	stop()
	wg.Wait()
	n.verified(t)
}

func TestAViewAheadOfTheLogIsComputedAnew(t *testing.T) {
	dir := t.TempDir()
	t.Run("before", func(t *testing.T) {
		log := memory.New()
		n := start(t, dir, log, log)
		n.append(projectionstest.Mixed(40, 3)...)
		n.caughtUp(t)
	})
	log := memory.New() // an older backup: shorter
	n := start(t, dir, log, log)
	n.append(projectionstest.Mixed(10, 3)...)
	n.caughtUp(t)
	late := time.After(projections.MaxAwait)
	for {
		s, err := n.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if s[0].Position <= n.last && s[1].Position <= n.last && s[2].Position <= n.last {
			break
		}
		select {
		case <-late:
			t.Fatalf("views stay ahead: %+v", s)
		default:
		}
	}
	n.verified(t)
}

func TestAnIdleGroupPassesTheEventsOfOthers(t *testing.T) {
	n := newNode(t)
	n.append(projectionstest.Order{Number: 1, Lines: 1}.Confirmed()...)
	if err := n.Await(t.Context(), projections.Products, n.last); err != nil {
		t.Error(err)
	}
}

func TestAwaitGivesUp(t *testing.T) {
	n := newNode(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := n.Await(ctx, projections.Orders, 99); domain.KindOf(err) != domain.Unavailable {
		t.Errorf("waiting for what never comes answers %v", err)
	}
	if err := n.Await(t.Context(), "nonsense", 1); domain.KindOf(err) != domain.NotFound {
		t.Errorf("waiting for no group answers %v", err)
	}
}

// TestEventsOfOthersAreNoLag asks views that no runner moves: what is ahead of
// one and is not its own, it is not behind.
func TestEventsOfOthersAreNoLag(t *testing.T) {
	log := memory.New()
	quiet := slog.New(slog.DiscardHandler)
	views, err := sqlite.Open(t.Context(), t.TempDir(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer views.Close() //nolint:errcheck // nothing was written
	history := &projectionstest.History{T: t, Log: log}
	last := history.Append(projectionstest.Order{Number: 1, Lines: 1}.Confirmed()...)
	runner := projections.NewRunner(projections.Config{Log: log, Views: views, Logger: quiet})
	all, err := runner.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	own := map[string]int64{}
	for r, err := range log.ReadAll(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range projections.Groups() {
			if slices.Contains(g.Categories, r.Stream.Category()) {
				own[g.Name]++
			}
		}
	}
	if own[projections.Orders] == 0 || own[projections.Products] > 0 {
		t.Fatalf("the history is of %v", own)
	}
	for _, s := range all {
		want := own[s.Group]
		if s.End != last || s.LagEvents != want {
			t.Errorf("%s is %d events behind, not %d: %+v", s.Group, s.LagEvents, want, s)
		}
	}
}
