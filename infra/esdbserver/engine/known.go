package engine

import (
	"context"
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"
)

// Limits of what is known of the streams that exist.
const (
	// filterBytes hold 5 million streams with 1 % of wrong guesses, which cost
	// a look-up each; memory that is not used is not taken.
	filterBytes  = 8 << 20
	filterHashes = 5
)

// existing is a Bloom filter of the streams that have events. Most appends
// begin a stream, and asking the log whether there is one costs as much as all
// else that an append needs.
type existing struct {
	seed  maphash.Seed
	bits  []atomic.Uint64
	whole atomic.Bool // it holds all that was in the log at the start

	stop context.CancelFunc
	done sync.WaitGroup
}

func newExisting() *existing {
	return &existing{seed: maphash.MakeSeed(), bits: make([]atomic.Uint64, filterBytes/8)}
}

// fill reads the log once, in the background; until then nothing is ruled out.
func (x *existing) fill(log Log) {
	ctx, cancel := context.WithCancel(context.Background())
	x.stop = cancel
	x.done.Go(func() {
		for r, err := range log.ReadAll(ctx, 0) {
			if err != nil {
				return // whoever reads next meets it too
			}
			x.add(string(r.Stream))
		}
		x.whole.Store(true)
	})
}

func (x *existing) close() {
	x.stop()
	x.done.Wait()
}

// add is called before a stream's first event is stored.
func (x *existing) add(stream string) {
	for i := range x.places(stream) {
		x.bits[i/64].Or(1 << (i % 64))
	}
}

// never says that a stream has no events for certain.
func (x *existing) never(stream string) bool {
	if !x.whole.Load() {
		return false
	}
	for i := range x.places(stream) {
		if x.bits[i/64].Load()&(1<<(i%64)) == 0 {
			return true
		}
	}
	return false
}

// places yields the bits of a stream.
func (x *existing) places(stream string) func(yield func(uint64) bool) {
	h := maphash.String(x.seed, stream)
	step := bits.RotateLeft64(h, 32) | 1
	return func(yield func(uint64) bool) {
		for range filterHashes {
			if !yield(h % (filterBytes * 8)) {
				return
			}
			h += step
		}
	}
}
