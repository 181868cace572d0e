package aggregate_test

import (
	"fmt"
	"strconv"
	"testing"

	"orderflow/commands/aggregate"
	"orderflow/commands/aggregate/aggregatetest"
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
			a := newTally(aggregatetest.NewStore(), counter, aggregate.Options[tally]{SingleWriter: true})
			defer a.Close()
			aggregatetest.Hot(b, writers, func(n int64) error {
				_, err := a.Do(ctx(), "tally-1", cause(strconv.FormatInt(n, 10)), add("x", 1), nil)
				return err
			}, a.Stats)
		})
	}
}

// BenchmarkNewStreams is one command each on streams that do not exist yet.
func BenchmarkNewStreams(b *testing.B) {
	a := newTally(aggregatetest.NewStore(), counter, aggregate.Options[tally]{SingleWriter: true})
	defer a.Close()
	for i := range b.N {
		c := aggregate.Cause{Command: "c", Fresh: true}
		if _, err := a.Do(ctx(), eventlog.Stream(fmt.Sprintf("tally-%d", i)), c, add("x", 1), nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLoad is looking at a state in memory.
func BenchmarkLoad(b *testing.B) {
	a := newTally(aggregatetest.NewStore(), counter, aggregate.Options[tally]{SingleWriter: true})
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
