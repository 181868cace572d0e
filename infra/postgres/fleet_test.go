package postgres_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/deploy/servicestest"
	"orderflow/infra/memory"
	"orderflow/infra/postgres"
	"orderflow/projections"
	"orderflow/projections/projectionstest"
	"orderflow/readmodels"
)

// runner returns the projecting part of a process.
func runner(log projections.Log, v *postgres.Views) *projections.Runner {
	return projections.NewRunner(projections.Config{Log: log, Views: v, Logger: quiet()})
}

// running runs something until t ends.
func running(t testing.TB, run func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// awaiter is a Runner or a Reader.
type awaiter interface {
	Await(ctx context.Context, group string, at eventlog.Position) error
}

func caughtUp(t testing.TB, a awaiter, last eventlog.Position) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for _, g := range projections.Groups() {
		for {
			err := a.Await(t.Context(), g.Name, last)
			if err == nil {
				break
			}
			if domain.KindOf(err) != domain.Unavailable || time.Now().After(deadline) {
				t.Fatalf("%s: %v", g.Name, err)
			}
		}
	}
}

func verified(t testing.TB, r *projections.Runner, last eventlog.Position) {
	t.Helper()
	for _, g := range projections.Groups() {
		report, err := r.Verify(t.Context(), g.Name, nil)
		if err != nil || !report.OK() || report.Position < last {
			t.Errorf("%s at %d of %d: %v, %v", g.Name, report.Position, last, err, report.Differences)
		}
	}
}

// TestAProcessReadsWhatAnotherProjects: one process projects, another one waits,
// reads and learns of changes, also of a rebuild by a third.
func TestAProcessReadsWhatAnotherProjects(t *testing.T) {
	t.Parallel()
	url := servicestest.Postgres(t)
	log := memory.New()
	h := &projectionstest.History{T: t, Log: log}
	projector := runner(log, open(t, url))
	running(t, projector.Run)
	views := open(t, url)
	reader := projections.NewReader(projections.ReaderConfig{Views: views, Log: log, Logger: quiet()})
	o := projectionstest.Order{Number: 1, Lines: 3}
	mine, stop := reader.Changes().Watch(o.ID())
	defer stop()
	all, stopAll := reader.Changes().Listen()
	defer stopAll()
	running(t, reader.Run)

	last := h.Append(append(projectionstest.Stocked(), o.Confirmed()...)...)
	caughtUp(t, reader, last)
	row, err := views.Order(t.Context(), o.ID())
	if err != nil || row.Status != readmodels.OrderConfirmed {
		t.Errorf("the other process reads %+v, %v", row, err)
	}
	for at := eventlog.Position(0); at < eventlog.Position(row.Position); {
		at = soon(t, mine, "the watcher")
	}
	status, err := reader.Status(t.Context())
	if err != nil || len(status) != 3 {
		t.Fatalf("%+v, %v", status, err)
	}
	for _, s := range status {
		if s.State != projections.Following || s.Position < last || s.LagEvents != 0 || s.End != last {
			t.Errorf("%s: %+v", s.Group, s)
		}
	}

	if _, err := runner(log, open(t, url)).Rebuild(t.Context(), projections.Orders, nil); err != nil {
		t.Fatal(err)
	}
	for c := (projections.Change{}); !c.Missed || c.Group != projections.Orders || c.Position < last; {
		c = soon(t, all, "the change of a rebuild")
	}
	last = h.Append(projectionstest.Order{Number: 2, Lines: 1}.Confirmed()...)
	caughtUp(t, reader, last) // the projector found the new version
	verified(t, projector, last)
}

// TestChangedNamesOrders asks for changes above positions, and for too many.
func TestChangedNamesOrders(t *testing.T) {
	t.Parallel()
	v := fresh(t)
	_, none, err := v.Changed(t.Context(), projections.Orders, projections.Cursor{}, 10)
	if err != nil || none.Version == 0 {
		t.Fatalf("the first mark is %+v, %v", none, err)
	}
	rows := func(ids ...domain.OrderID) (r readmodels.Rows) {
		for _, id := range ids {
			readmodels.OrderView.Add(&r, readmodels.Order{ID: id})
		}
		return r
	}
	at := none.Position
	write := func(r readmodels.Rows) {
		changed := readmodels.OrderView.In(r)
		for i := range changed {
			changed[i].Position = int64(at + 1)
		}
		put(t, v, projections.Orders, r)
		at++
	}
	write(rows("a", "b"))
	write(rows("b", "c"))
	one := projections.Cursor{Version: none.Version, Position: 1}
	for _, ask := range []struct {
		since projections.Cursor
		limit int
		want  string
	}{
		{none, 3, "[a b c] false"},
		{one, 2, "[b c] false"},
		{none, 2, "[] true"},
		{projections.Cursor{Version: none.Version, Position: 2}, 2, "[] false"},
		{projections.Cursor{Version: none.Version, Position: 3}, 2, "[] true"},
		{projections.Cursor{}, 9, "[] true"},
	} {
		change, mark, err := v.Changed(t.Context(), projections.Orders, ask.since, ask.limit)
		ids := map[domain.OrderID]bool{}
		for _, id := range change.Orders {
			ids[id] = true
		}
		var sorted []domain.OrderID
		for _, id := range []domain.OrderID{"a", "b", "c"} {
			if ids[id] {
				sorted = append(sorted, id)
			}
		}
		if have := fmt.Sprint(sorted, change.Missed); err != nil || have != ask.want || mark.Position != 2 || change.Position != 2 {
			t.Errorf("since %+v: %s at %+v, %v; want %s", ask.since, have, mark, err, ask.want)
		}
	}
}

// TestRebuildsWhileOthersWriteAndRead: one process projects a history that
// grows, two rebuild again and again, four read. No answer is an error or older
// than one before, whatever version it came from.
func TestRebuildsWhileOthersWriteAndRead(t *testing.T) {
	t.Parallel()
	url := servicestest.Postgres(t)
	log := memory.New()
	h := &projectionstest.History{T: t, Log: log}
	projector := runner(log, open(t, url))
	running(t, projector.Run)
	first := projectionstest.Order{Number: 0, Lines: 2}
	last := h.Append(append(projectionstest.Stocked(), first.Placed()...)...)
	caughtUp(t, projector, last)

	ctx, cancel := context.WithCancel(t.Context())
	var readers, rebuilders sync.WaitGroup
	var answers, rebuilt atomic.Int64
	for range 4 {
		v := open(t, url)
		readers.Go(func() { answers.Add(reads(ctx, t, v, first)) })
	}
	for range 2 {
		r := runner(log, open(t, url))
		rebuilders.Go(func() {
			for ctx.Err() == nil {
				for _, g := range projections.Groups() {
					if _, err := r.Rebuild(ctx, g.Name, nil); err == nil {
						rebuilt.Add(1)
					} else if ctx.Err() == nil && domain.KindOf(err) != domain.Conflict {
						t.Errorf("a rebuild of %s: %v", g.Name, err)
					}
				}
			}
		})
	}
	for n := 1; n <= 60 || rebuilt.Load() < 12; n++ { // one order has more and more events, others come
		last = h.Append(projectionstest.Order{Number: n, Lines: 2}.Confirmed()...)
		if n%10 == 0 {
			caughtUp(t, projector, last)
		}
		if n == 30 {
			last = h.Append(first.Confirmed()[1:]...)
		}
	}
	cancel()
	rebuilders.Wait()
	readers.Wait()
	caughtUp(t, projector, last)
	verified(t, projector, last)
	t.Logf("%d answers during %d rebuilds", answers.Load(), rebuilt.Load())
	oneVersionEach(t, url)
}

// reads asks until ctx is done; the answers to one reader never go back.
func reads(ctx context.Context, t testing.TB, v *postgres.Views, first projectionstest.Order) (answers int64) {
	var row, newest, stock, position, products int64
	forward := func(what string, was *int64, is int64, err error) {
		if ctx.Err() != nil {
			return
		}
		answers++
		if err != nil {
			t.Errorf("%s: %v", what, err)
		} else if is < *was {
			t.Errorf("%s went back from %d to %d", what, *was, is)
		}
		*was = max(*was, is)
	}
	for ctx.Err() == nil {
		o, err := v.Order(ctx, first.ID())
		forward("the order's row", &row, o.Position, err)
		if err == nil && len(o.Lines) != first.Lines {
			t.Errorf("the order's row is %+v", o)
		}
		page, err := v.Orders(ctx, readmodels.OrderQuery{Limit: 1})
		is := int64(0)
		if len(page.Orders) > 0 {
			is = page.Orders[0].PlacedAt.UnixMicro()
		}
		forward("the newest order", &newest, is, err)
		s, err := v.Stock(ctx, domain.DefaultWarehouse, "SKU-0001")
		forward("the stock's row", &stock, s.Position, err)
		all, err := v.Products(ctx, readmodels.ProductQuery{Limit: 100})
		forward("the products", &products, int64(len(all.Products)), err)
		_, mark, err := v.Changed(ctx, projections.Orders, projections.Cursor{}, 1)
		forward("the position", &position, int64(mark.Position), err)
		if o, err := v.Order(ctx, first.ID()); err == nil && o.Position < row {
			t.Errorf("the order's row is at %d, it was at %d", o.Position, row)
		}
	}
	return answers
}

// oneVersionEach waits until nothing is left of replaced versions.
func oneVersionEach(t testing.TB, url string) {
	t.Helper()
	_ = open(t, url) // whoever starts sweeps
	for service, want := range map[string]int{"order": 1, "inventory": 2} {
		c := connect(t, url, service)
		deadline := time.Now().Add(patience)
		for {
			var rows, schemas int
			if err := c.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM versions),
				(SELECT count(*) FROM pg_namespace WHERE nspname ~ '^(orders|stock|products)_[0-9]+$')`).Scan(&rows, &schemas); err != nil {
				t.Fatal(err)
			}
			if rows == want && schemas == want {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s has %d versions and %d schemas of them, not %d", service, rows, schemas, want)
			}
			<-time.After(50 * time.Millisecond)
		}
	}
}

// TestOutages cuts the connections of a projecting process at random during a
// history; its views end as a replay has them.
func TestOutages(t *testing.T) {
	t.Parallel()
	url := servicestest.Postgres(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 1))
	p, through := proxied(t, url)
	log := memory.New()
	h := &projectionstest.History{T: t, Log: log}
	projector := runner(log, open(t, through))
	running(t, projector.Run)
	reader := projections.NewReader(projections.ReaderConfig{Views: open(t, through), Logger: quiet()})
	running(t, reader.Run)

	facts := projectionstest.Mixed(400, 3)
	var last eventlog.Position
	for cuts := 0; len(facts) > 0; {
		n := min(len(facts), 1+chance.IntN(400))
		last = h.Append(facts[:n]...)
		facts = facts[n:]
		<-time.After(time.Duration(chance.IntN(60)) * time.Millisecond) // the batch is somewhere between log and disk
		p.Cut()
		cuts++
		if len(facts) == 0 {
			t.Logf("%d cuts", cuts)
		}
	}
	caughtUp(t, projector, last)
	caughtUp(t, reader, last)
	verified(t, runner(log, open(t, url)), last)
}

// TestABuildThatIsCutOffLeavesTheViewAlone: a rebuild whose connection ends
// fails, and the next one does not.
func TestABuildThatIsCutOffLeavesTheViewAlone(t *testing.T) {
	t.Parallel()
	url := servicestest.Postgres(t)
	p, through := proxied(t, url)
	log := memory.New()
	h := &projectionstest.History{T: t, Log: log}
	last := h.Append(projectionstest.Mixed(3_000, 3)...)
	r := runner(log, open(t, through))
	if _, err := r.Rebuild(t.Context(), projections.Orders, nil); err != nil {
		t.Fatal(err)
	}
	_, err := r.Rebuild(t.Context(), projections.Orders, func(projections.Progress) { p.Cut() })
	if domain.KindOf(err) != domain.Unavailable {
		t.Errorf("a rebuild that was cut off: %v", err)
	}
	report, err := runner(log, open(t, url)).Verify(t.Context(), projections.Orders, nil)
	if err != nil || !report.OK() || report.Position != last {
		t.Errorf("afterwards: %v, %v", err, report.Differences)
	}
	if _, err := r.Rebuild(t.Context(), projections.Orders, nil); err != nil {
		t.Errorf("the next rebuild: %v", err)
	}
	oneVersionEach(t, url)
}

// TestALostNotificationCostsAPoll moves a view without a word; whoever listens is
// told all the same.
func TestALostNotificationCostsAPoll(t *testing.T) {
	t.Parallel()
	url := servicestest.Postgres(t)
	reader := projections.NewReader(projections.ReaderConfig{Views: open(t, url), Logger: quiet()})
	changes, stop := reader.Changes().Listen()
	defer stop()
	running(t, reader.Run)
	for range projections.Groups() {
		soon(t, changes, "the first look")
	}
	exec(t, connect(t, url, "order"), "UPDATE versions SET position = 7 WHERE state = 'live'")
	began := time.Now()
	change := soon(t, changes, "the change")
	if took := time.Since(began); took > 5*time.Second || change.Position != 7 || change.Missed {
		t.Errorf("%+v came after %v", change, took)
	}
	if err := reader.Await(t.Context(), projections.Orders, 7); err != nil {
		t.Error(err)
	}
}

// TestListenersComeBack ends the sessions that listen; the next notification is
// heard on another one.
func TestListenersComeBack(t *testing.T) {
	t.Parallel()
	url := servicestest.Postgres(t)
	writer, v := open(t, url), open(t, url)
	reader := projections.NewReader(projections.ReaderConfig{Views: v, Logger: quiet()})
	running(t, reader.Run)
	c := connect(t, url, "order")
	listening := func() (pids []int32) {
		rows, err := c.Query(t.Context(), "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()")
		if err == nil {
			pids, err = pgx.CollectRows(rows, pgx.RowTo[int32])
		}
		if err != nil {
			t.Fatal(err)
		}
		return pids
	}
	for round := range 2 {
		deadline := time.Now().Add(patience)
		for len(listening()) == 0 {
			if time.Now().After(deadline) {
				t.Fatalf("round %d: nobody listens", round)
			}
			<-time.After(20 * time.Millisecond)
		}
		put(t, writer, projections.Orders, readmodels.Rows{})
		if err := reader.Await(t.Context(), projections.Orders, eventlog.Position(round+1)); err != nil {
			t.Error(err)
		}
		exec(t, c, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()")
	}
}
