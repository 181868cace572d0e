package engine

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// Limits of the Bloom filter of stream names.
const (
	// filterBytes hold 5 million streams with 2 % of wrong guesses, which cost
	// a look-up each; memory that is not used is not taken.
	filterBytes = 8 << 20
	// The bits of a stream are in one block, so that they cost one miss of the
	// processor's cache and not five.
	blockWords  = 8
	blockBits   = blockWords * 64
	filterBits  = 5
	filterWords = filterBytes / 8
)

// bloomFilter holds the names of all streams that have events. Most appends begin
// a stream, and looking one up in the log costs as much as the rest of an append.
type bloomFilter struct {
	seed  maphash.Seed
	words []atomic.Uint64
	whole atomic.Bool // it holds all that was in the log at the start

	stop context.CancelFunc
	done sync.WaitGroup
}

func newBloomFilter() *bloomFilter {
	return &bloomFilter{seed: maphash.MakeSeed(), words: make([]atomic.Uint64, filterWords)}
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
func (x *bloomFilter) add(stream string) {
	block, h := x.block(stream)
	for range filterBits {
		word, bit := &block[h%blockBits/64], uint64(1)<<(h%64)
		if word.Load()&bit == 0 {
			word.Or(bit)
		}
		h >>= 9 // as many bits as a place in a block has
	}
}

// never reports that a stream certainly has no events.
func (x *bloomFilter) never(stream string) bool {
	if !x.whole.Load() {
		return false
	}
	block, h := x.block(stream)
	for range filterBits {
		if block[h%blockBits/64].Load()&(1<<(h%64)) == 0 {
			return true
		}
		h >>= 9
	}
	return false
}

// block returns the block of a stream, and what its places in there are taken from.
func (x *bloomFilter) block(stream string) (block []atomic.Uint64, places uint64) {
	h := maphash.String(x.seed, stream)
	at := (h >> 46) % (filterWords / blockWords) * blockWords // the places take the lower 45 bits
	return x.words[at : at+blockWords], h
}
