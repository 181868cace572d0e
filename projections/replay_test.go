package projections_test

import (
	"context"
	"log/slog"
	"testing"

	"orderflow/domain"
	"orderflow/infra/memory"
	"orderflow/infra/sqlite"
	"orderflow/projections"
	"orderflow/projections/projectionstest"
	"orderflow/readmodels"
)

// counted counts how often the row of an order is written to what is built.
type counted struct {
	projections.Views
	written map[domain.OrderID]int
	batches int
}

type countedBuilding struct {
	projections.Building
	of *counted
}

func (c *counted) Build(ctx context.Context, g projections.Group) (projections.Building, error) {
	b, err := c.Views.Build(ctx, g)
	return countedBuilding{b, c}, err
}

func (b countedBuilding) Write(ctx context.Context, batch projections.Batch) error {
	b.of.batches++
	for _, o := range readmodels.OrderView.In(batch.Rows) {
		b.of.written[o.ID]++
	}
	return b.Building.Write(ctx, batch)
}

// Orders whose events lie apart from each other, as when a thousand are under
// way at once, are written by a rebuild when they are at rest: most of them
// once. What comes back after that is found again, and nothing is lost.
func TestARebuildWritesAnOrderOnce(t *testing.T) {
	const orders, underWay, returned = 8_000, 1_000, 10
	var facts []projectionstest.Fact
	var all [][]projectionstest.Fact
	for i := range orders {
		all = append(all, projectionstest.Order{Number: i, Lines: 10}.Confirmed())
	}
	for turn := range orders + underWay { // each order has one event for every 1/16 of those that are under way
		for step := range len(all[0]) {
			if i := turn - step*underWay/len(all[0]); i >= 0 && i < orders {
				facts = append(facts, all[i][step])
			}
		}
	}
	for i := range returned {
		o := projectionstest.Order{Number: i, Lines: 10}
		facts = append(append(facts, o.ReturnAsked()...), o.Returned()...)
	}
	log := memory.New()
	h := &projectionstest.History{T: t, Log: log}
	h.Append(facts...)
	quiet := slog.New(slog.DiscardHandler)
	files, err := sqlite.Open(t.Context(), t.TempDir(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close() //nolint:errcheck // it is thrown away
	views := &counted{Views: files, written: map[domain.OrderID]int{}}
	r := projections.NewRunner(projections.Config{Log: log, Views: views, Logger: quiet})
	if _, err := r.Rebuild(t.Context(), projections.Orders, nil); err != nil {
		t.Fatal(err)
	}
	writes := 0
	for _, n := range views.written {
		writes += n
	}
	if len(views.written) != orders || writes > orders+returned || views.batches < 2 {
		t.Errorf("%d orders were written %d times in %d batches; all but %d were to be written once", len(views.written), writes, views.batches, returned)
	}
	report, err := r.Verify(t.Context(), projections.Orders, nil)
	if err != nil || !report.OK() {
		t.Errorf("%v, %v", err, report.Differences)
	}
}
