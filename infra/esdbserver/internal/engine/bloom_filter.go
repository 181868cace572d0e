package engine

import (
	"context"
	"sync"
	"sync/atomic"

	"orderflow/internal/bloom"
)

// Limits of the Bloom filter of stream names.
const (
	// filterBytes hold 5 million streams with 2 % of wrong guesses, which cost
	// a look-up each; memory that is not used is not taken.
	filterBytes = 8 << 20
	// filterBits of a stream: as many as the filter allows, because it is sparse.
	filterBits = bloom.MaxBits
)

// bloomFilter holds the names of all streams that have events. Most appends begin
// a stream, and looking one up in the log costs as much as the rest of an append.
type bloomFilter struct {
	names *bloom.Filter
	whole atomic.Bool // it holds all that was in the log at the start

	stop context.CancelFunc
	done sync.WaitGroup
}

func newBloomFilter() *bloomFilter {
	return &bloomFilter{names: bloom.New(filterBytes, filterBits)}
}

// fill reads the log once, in the background; until then nothing is ruled out.
func (x *bloomFilter) fill(log Log) {
	ctx, cancel := context.WithCancel(context.Background())
	x.stop = cancel
	x.done.Go(func() {
		for r, err := range log.ReadAll(ctx, 0) {
			if err != nil {
				return // the next read returns it too
			}
			x.add(string(r.Stream))
		}
		x.whole.Store(true)
	})
}

func (x *bloomFilter) close() {
	x.stop()
	x.done.Wait()
}

// add is called before a stream's first event is stored.
func (x *bloomFilter) add(stream string) { x.names.Add(stream) }

// never reports that a stream certainly has no events.
func (x *bloomFilter) never(stream string) bool { return x.whole.Load() && !x.names.Has(stream) }
