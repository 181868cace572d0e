package redis_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/deploy/servicestest"
	"orderflow/infra/sqlite"
	"orderflow/projections"
	"orderflow/projections/projectionstest"
	"orderflow/readmodels"
)

// usual returns an order of ten lines, the size of most.
func usual(number int) readmodels.Order {
	o := rowAt(projectionstest.Order{Number: number}.ID(), 1)
	for len(o.Lines) < 10 {
		o.Lines = append(o.Lines, o.Lines[0])
	}
	return o
}

// BenchmarkOrder reads one of 1,000 orders of ten lines, from Redis and from
// the view behind.
func BenchmarkOrder(b *testing.B) {
	v, err := sqlite.Open(b.Context(), b.TempDir(), quiet())
	if err != nil {
		b.Fatal(err)
	}
	defer v.Close() //nolint:errcheck // it only read
	r := open(b, patient, servicestest.Redis(b))
	var rows readmodels.Rows
	for i := range 1_000 {
		readmodels.OrderView.Add(&rows, usual(i))
	}
	put(b, v, projections.Orders, rows)
	r.Mirror().Wrote(projections.Orders, projections.Batch{To: projectionstest.At(1), Rows: rows})
	eventually(b, "mirrored", func() bool { return r.Stats().Mirrored == 1_000 })
	for name, from := range map[string]readmodels.Orders{"redis": r.Orders(nowhere{}, nil), "sqlite": v} {
		b.Run(name, func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := from.Order(context.Background(), projectionstest.Order{Number: rand.IntN(1_000)}.ID()); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// BenchmarkMirror copies batches of 200 orders of ten lines.
func BenchmarkMirror(b *testing.B) {
	r := open(b, patient, servicestest.Redis(b))
	var rows readmodels.Rows
	for i := range 200 {
		readmodels.OrderView.Add(&rows, usual(i))
	}
	batch, at := projections.Batch{Rows: rows}, eventlog.Position(0)
	done := func() int64 { s := r.Stats(); return s.Mirrored + 200*s.Missed }
	for b.Loop() {
		at++
		batch.Above, batch.To = at-1, projectionstest.At(at)
		r.Mirror().Wrote(projections.Orders, batch)
		for done() < int64(at)*200 {
			<-time.After(20 * time.Microsecond)
		}
	}
	if s := r.Stats(); s.Missed > 0 || s.Dropped > 0 {
		b.Errorf("stats are %+v", s)
	}
	b.ReportMetric(float64(at)*200/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkLimiter(b *testing.B) {
	l := open(b, patient, servicestest.Redis(b)).Limiter()
	for b.Loop() {
		if _, err := l.Take(context.Background(), "k", 1_000, time.Second); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAvailable(b *testing.B) {
	r := open(b, patient, servicestest.Redis(b))
	var rows readmodels.Rows
	var skus []domain.SKU
	for i := range 10 {
		s := stockAt(1)
		s.SKU = domain.SKU(rune('a' + i))
		readmodels.StockView.Add(&rows, s)
		skus = append(skus, s.SKU)
	}
	r.Mirror().Wrote(projections.Stock, projections.Batch{To: projectionstest.At(1), Rows: rows})
	eventually(b, "mirrored", func() bool { return r.Stats().Mirrored == 10 })
	for b.Loop() {
		if have, err := r.Available().Read(context.Background(), place, skus...); err != nil || len(have) != 10 {
			b.Fatal(have, err)
		}
	}
}
