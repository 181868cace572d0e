package commands_test

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"orderflow/commands"
	"orderflow/domain/decider"
	"orderflow/domain/eventlog"
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
			var next atomic.Int64
			var all sync.WaitGroup
			for range writers {
				all.Go(func() {
					for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
						if _, err := a.Do(ctx(), "tally-1", cause(strconv.FormatInt(n, 10)), add("x", 1), nil); err != nil {
							b.Error(err)
						}
					}
				})
			}
			all.Wait()
			stats := a.Stats()
			b.ReportMetric(float64(stats.Appends)/float64(stats.Commands), "appends/command")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
		})
	}
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
