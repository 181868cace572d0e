package pebblelog_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderflow/domain/eventlog"
	"orderflow/infra/baseline"
	"orderflow/infra/pebblelog"
)

// benchWriters is the number of concurrent writers of the budget.
const benchWriters = 64

// benchEvent is about what an order of ten lines stores.
func benchEvent(s eventlog.Stream, i int) eventlog.Pending {
	return eventlog.Pending{
		ID: eventlog.NewEventID("command", s, i), Type: "order.placed.v1", Data: filler(`{"sku":"85123A","qty":6,"price_minor":255},`, 1_000),
		Meta: eventlog.Meta{Command: "01HZX5W0G6", Correlation: string(s), Actor: "customer-17850"},
	}
}

// BenchmarkAppend measures synced appends of new streams by 64 writers against
// bare Pebble with the same bytes, in turns, and reports the median ratio.
func BenchmarkAppend(b *testing.B) {
	const turn = 2 * time.Second
	payload := pebblelog.EncodeRecord(eventlog.Recorded{Stream: "order-ord_0000001", Data: benchEvent("order-1", 0).Data})
	dir := b.TempDir()
	var ours, theirs []float64
	var next atomic.Int64
	for b.Loop() {
		perSecond, err := baseline.PebbleCommits(fmt.Sprintf("%s/bare%d", dir, len(theirs)), pebblelog.DatabaseOptions(pebblelog.Options{}), payload, benchWriters, turn)
		if err != nil {
			b.Fatal(err)
		}
		theirs = append(theirs, perSecond)
		log, err := pebblelog.Open(fmt.Sprintf("%s/log%d", dir, len(ours)), pebblelog.Options{}) // both begin empty
		if err != nil {
			b.Fatal(err)
		}
		ours = append(ours, appendFor(b, log, &next, turn))
		if err := log.Close(); err != nil {
			b.Fatal(err)
		}
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	b.ReportMetric(ours[len(ours)/2], "appends/s")
	b.ReportMetric(theirs[len(theirs)/2], "bare/s")
	b.ReportMetric(ours[len(ours)/2]/theirs[len(theirs)/2], "ratio")
}

func appendFor(b *testing.B, log *pebblelog.Log, next *atomic.Int64, duration time.Duration) (perSecond float64) {
	start := time.Now()
	var appends atomic.Int64
	var wg sync.WaitGroup
	for range benchWriters {
		wg.Go(func() {
			for time.Since(start) < duration {
				s := eventlog.Stream(fmt.Sprintf("order-ord_%09d", next.Add(1)))
				if _, err := log.Append(b.Context(), s, 0, benchEvent(s, 0)); err != nil {
					b.Error(err)
					return
				}
				appends.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(appends.Load()) / time.Since(start).Seconds()
}

// BenchmarkReadAll reads a log of 200,000 events, all of it and by category.
func BenchmarkReadAll(b *testing.B) {
	const events, streams = 200_000, 2_000
	log := open(b, b.TempDir(), pebblelog.Options{})
	var wg sync.WaitGroup
	for w := range benchWriters {
		wg.Go(func() {
			for i := w; i < streams; i += benchWriters {
				s := stream([]string{"order", "fulfilment", "payment", "shipment"}[i%4], i)
				list := make([]eventlog.Pending, events/streams)
				for i := range list {
					list[i] = benchEvent(s, i)
					list[i].Data = list[i].Data[:300]
				}
				if _, err := log.Append(b.Context(), s, 0, list...); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, c := range []struct {
		name       string
		categories []string
		want       int
	}{
		{"all", nil, events},
		{"order", []string{"order"}, events / 4},
		{"three", []string{"order", "payment", "shipment"}, events * 3 / 4},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				for _, err := range log.ReadAll(b.Context(), 0, c.categories...) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != c.want {
					b.Fatalf("%d events, want %d", n, c.want)
				}
			}
			b.ReportMetric(float64(c.want*b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
