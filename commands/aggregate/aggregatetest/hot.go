package aggregatetest

import (
	"sync"
	"sync/atomic"
	"testing"

	"orderflow/commands/aggregate"
)

// Hot runs b.N commands from several writers at once, and reports how many
// appends a command took and how many commands a second were done.
func Hot(b *testing.B, writers int, command func(n int64) error, stats func() aggregate.Stats) {
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
