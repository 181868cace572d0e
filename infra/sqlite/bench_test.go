package sqlite_test

import (
	"context"
	"testing"
	"time"

	"orderflow/domain/eventlog"
	"orderflow/infra/memory"
	"orderflow/projections"
	"orderflow/projections/projectionstest"
)

const benchOrders = 20_000 // 16 events each

func history(b *testing.B, n int) (log *memory.Log, last eventlog.Position) {
	b.Helper()
	log = memory.New()
	h := &projectionstest.History{T: b, Log: log}
	last = h.Append(projectionstest.Stocked()...)
	for i := range n {
		o := projectionstest.Order{Number: i, Lines: 10}
		last = h.Append(o.Confirmed()...)
	}
	return log, last
}

// BenchmarkRebuild measures a rebuild of each group and, in the same run,
// what SQLite takes for the same rows alone.
func BenchmarkRebuild(b *testing.B) {
	log, _ := history(b, benchOrders)
	v := open(b, b.TempDir())
	r := projections.NewRunner(projections.Config{Log: log, Views: v, Logger: quiet()})
	for _, g := range projections.Groups() {
		b.Run(g.Name, func(b *testing.B) {
			for b.Loop() {
				start := time.Now()
				done, err := r.Rebuild(b.Context(), g.Name, nil)
				if err != nil {
					b.Fatal(err)
				}
				elapsed := time.Since(start)
				bare, err := v.BaselineInsert(b.Context(), g)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(done.Events)/elapsed.Seconds(), "events/s")
				b.ReportMetric(float64(bare.Rows)/elapsed.Seconds(), "rows/s")
				b.ReportMetric(float64(bare.Rows)/bare.Elapsed.Seconds(), "bare-rows/s")
				b.ReportMetric(bare.Elapsed.Seconds()/elapsed.Seconds(), "ratio")
			}
		})
	}
}

// BenchmarkFollow measures how many events the live views take each second
// when all groups follow a log that is already there.
func BenchmarkFollow(b *testing.B) {
	log, last := history(b, benchOrders)
	for b.Loop() {
		v := open(b, b.TempDir())
		r := projections.NewRunner(projections.Config{Log: log, Views: v, Logger: quiet()})
		ctx, cancel := context.WithCancel(b.Context())
		done := make(chan error)
		start := time.Now()
		go func() { done <- r.Run(ctx) }()
		for _, g := range projections.Groups() {
			if err := r.Await(ctx, g.Name, last); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(benchOrders/time.Since(start).Seconds(), "orders/s")
		cancel()
		<-done
	}
}
