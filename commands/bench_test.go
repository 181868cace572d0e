package commands_test

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/domain/decider"
	"orderflow/domain/eventlog"
	"orderflow/domain/inventory"
	"orderflow/infra/pebblelog"
)

// counter is a tally that remembers nothing but its sum, so that what is
// measured is not the state.
var counter = decider.Decider[tally, added]{Evolve: func(t tally, e added) tally { t.Sum += e.N; return t }}

// BenchmarkHotStream is many writers on one stream in memory.
func BenchmarkHotStream(b *testing.B) {
	for _, writers := range []int{1, 16, 256} {
		b.Run(strconv.Itoa(writers), func(b *testing.B) {
			a := newTally(newStore(), counter, commands.Options[tally]{Alone: true})
			defer a.Close()
			hot(b, writers, func(n int64) error {
				_, err := a.Do(ctx(), "tally-1", cause(strconv.FormatInt(n, 10)), add("x", 1), nil)
				return err
			}, a.Stats)
		})
	}
}

// BenchmarkHotWarehouse is many orders of ten lines reserved at once in one
// warehouse, durably, on the embedded log.
func BenchmarkHotWarehouse(b *testing.B) {
	for _, writers := range []int{1, 16, 256} {
		b.Run(strconv.Itoa(writers), func(b *testing.B) {
			log, err := pebblelog.Open(b.TempDir(), pebblelog.Options{})
			must(b, err)
			defer log.Close() //nolint:errcheck // a temporary log
			l := commands.NewLocalAlone(log, log)
			defer l.Close()
			units := make([]inventory.Units, 10)
			for i := range units {
				units[i] = inventory.Units{SKU: domain.SKU("sku " + strconv.Itoa(i)), Quantity: 1_000_000_000}
			}
			do(b, l, commands.ReceiveStock{Receipt: "r", Units: units})
			for i := range units {
				units[i].Quantity = 1
			}
			hot(b, writers, func(n int64) error {
				_, err := l.Send(ctx(), commands.ReserveStock{Order: domain.NewOrderID("c", strconv.FormatInt(n, 10)), Warehouse: "main", Units: units})
				return err
			}, l.Stock.Stats)
		})
	}
}

func hot(b *testing.B, writers int, command func(n int64) error, stats func() commands.Stats) {
	b.ResetTimer()
	before := stats()
	var next atomic.Int64
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if err := command(n); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
	after := stats()
	b.ReportMetric(float64(after.Appends-before.Appends)/float64(after.Commands-before.Commands), "appends/command")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
}

// BenchmarkNewStreams is one command each on streams that do not exist yet.
func BenchmarkNewStreams(b *testing.B) {
	a := newTally(newStore(), counter, commands.Options[tally]{Alone: true})
	defer a.Close()
	for i := range b.N {
		c := commands.Cause{Command: "c", Fresh: true}
		if _, err := a.Do(ctx(), eventlog.Stream(fmt.Sprintf("tally-%d", i)), c, add("x", 1), nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLoad is looking at a state in memory.
func BenchmarkLoad(b *testing.B) {
	a := newTally(newStore(), counter, commands.Options[tally]{Alone: true})
	defer a.Close()
	if _, err := a.Do(ctx(), "tally-1", cause("c"), add("x", 1), nil); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, _, err := a.Load(ctx(), "tally-1"); err != nil {
			b.Fatal(err)
		}
	}
}
