package postgres_test

import (
	"context"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/memory"
	"orderflow/infra/postgres"
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

// BenchmarkRebuild measures a rebuild of each group and, in the same run, what
// PostgreSQL takes for the same rows alone. A reader asks all the while.
func BenchmarkRebuild(b *testing.B) {
	log, _ := history(b, benchOrders)
	v := fresh(b)
	r := projections.NewRunner(projections.Config{Log: log, Views: v, Logger: quiet()})
	for _, g := range projections.Groups() {
		b.Run(g.Name, func(b *testing.B) {
			stop := asked(b, v)
			defer stop()
			var events, rows int64
			var rebuilt, bare time.Duration
			for b.Loop() {
				start := time.Now()
				done, err := r.Rebuild(b.Context(), g.Name, nil)
				if err != nil {
					b.Fatal(err)
				}
				rebuilt, events = rebuilt+time.Since(start), events+done.Events
				alone, err := v.BaselineCopy(b.Context(), g)
				if err != nil {
					b.Fatal(err)
				}
				bare, rows = bare+alone.Elapsed, rows+alone.Rows
			}
			b.ReportMetric(float64(events)/rebuilt.Seconds(), "events/s")
			b.ReportMetric(float64(rows)/rebuilt.Seconds(), "rows/s")
			b.ReportMetric(float64(rows)/bare.Seconds(), "bare-rows/s")
			b.ReportMetric(bare.Seconds()/rebuilt.Seconds(), "ratio")
		})
	}
}

// asked lets a reader ask for an order 200 times a second until stopped.
func asked(b *testing.B, v *postgres.Views) (stop func()) {
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			id := projectionstest.Order{Number: n % benchOrders}.ID()
			if _, err := v.Order(ctx, id); err != nil && domain.KindOf(err) != domain.NotFound && ctx.Err() == nil {
				b.Errorf("a read during a rebuild: %v", err)
			}
		}
	}()
	return func() { cancel(); <-done }
}

// BenchmarkFollow measures how many orders the live views take each second
// when all groups follow a log that is already there.
func BenchmarkFollow(b *testing.B) {
	log, last := history(b, benchOrders/4)
	for b.Loop() {
		v := fresh(b)
		r := projections.NewRunner(projections.Config{Log: log, Views: v, Logger: quiet()})
		ctx, cancel := context.WithCancel(b.Context())
		done := make(chan error)
		start := time.Now()
		go func() { done <- r.Run(ctx) }()
		caughtUp(b, r, last)
		b.ReportMetric(benchOrders/4/time.Since(start).Seconds(), "orders/s")
		cancel()
		<-done
	}
}
