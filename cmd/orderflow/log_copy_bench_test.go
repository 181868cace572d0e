package main

import (
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"orderflow/cmd/orderflow/internal/bench"
	"orderflow/cmd/orderflow/internal/node"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain/eventlog"
	"orderflow/infra/retail"
)

// BenchmarkCopy copies the log of an import to each kind of target, and holds
// the speed against plain appends of one event to the same target, by one writer
// and by 64: copies have one append under way at a time.
func BenchmarkCopy(b *testing.B) {
	dir := b.TempDir()
	h, err := readHistory("testdata/retail_sample.csv")
	if err != nil {
		b.Fatal(err)
	}
	if _, err := node.ImportHistory(b.Context(), node.Config{Data: dir}, retail.Import{}, h, io.Discard, slog.New(slog.DiscardHandler)); err != nil {
		b.Fatal(err)
	}
	for name, target := range map[string]func(testing.TB) copyEnd{
		"pebble":        func(t testing.TB) copyEnd { return endAt(t, t.TempDir()) },
		"node":          func(t testing.TB) copyEnd { return endAt(t, storeOn(t, nodeLog(t))) },
		"node with TLS": func(t testing.TB) copyEnd { return endAt(t, secureStoreOn(t, nodeLog(t))) },
	} {
		b.Run("to "+name, func(b *testing.B) {
			source := endAt(b, dir)
			var copied, one, many float64
			for b.Loop() {
				to := target(b)
				r := mustCopy(b, source, to)
				copied += r.EventsPerSecond
				one += plainAppends(b, to.log, 1)
				many += plainAppends(b, to.log, 64)
			}
			b.ReportMetric(copied/float64(b.N), "copied-events/s")
			b.ReportMetric(copied/one, "of-1-writer")
			b.ReportMetric(copied/many, "of-64-writers")
		})
	}
}

// plainAppends returns the appends per second of some writers, one event each.
func plainAppends(b *testing.B, log eventlog.Store, writers int) float64 {
	var appends atomic.Int64
	begun := time.Now()
	err := bench.InParallel(b.Context(), writers, writers, func(w int) error {
		s := eventlog.Stream("bench-" + string(rune('A'+w)) + begun.String())
		for v := eventlog.Version(0); time.Since(begun) < time.Second; v++ {
			if _, err := log.Append(b.Context(), s, v, bench.Event(s, int(v), make([]byte, 300))); err != nil {
				return err
			}
			appends.Add(1)
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return terminal.PerSecond(appends.Load(), time.Since(begun))
}
