// Package bloom has a Bloom filter: a set that never forgets a key and may report
// one that was never added (a false positive).
//
// It is blocked: the bits of a key are within 64 bytes, so a look-up costs one miss
// of the processor's cache and not one for each bit.
package bloom

import (
	"hash/maphash"
	"sync/atomic"
)

const (
	wordBits   = 64
	blockWords = 8 // one cache line
	blockBits  = blockWords * wordBits
	placeBits  = 9 // of the hash, for a place in a block

	// MaxBits is how many bits a key may set: what is left of a hash of 64 bits
	// chooses the block.
	MaxBits = 5
	// MaxBytes is the size up to which the hash chooses among all blocks evenly:
	// 16 MiB.
	MaxBytes = blockBits / 8 << (64 - MaxBits*placeBits - 1)
)

// Filter is a Bloom filter, safe for concurrent use. Make one with [New].
type Filter struct {
	seed  maphash.Seed
	bits  int
	words []atomic.Uint64
}

// New returns an empty filter of a size in bytes, up to [MaxBytes]. Each key sets a
// number of bits, up to [MaxBits]: more are better while the filter is sparse, fewer
// when it is crowded. Memory that no key has touched is not taken.
func New(bytes, bits int) *Filter {
	bytes = max(min(bytes, MaxBytes), blockBits/8)
	return &Filter{
		seed: maphash.MakeSeed(), bits: max(min(bits, MaxBits), 1),
		words: make([]atomic.Uint64, bytes/(blockBits/8)*blockWords),
	}
}

// Add adds a key. It returns true if Has would have: the key may have been there.
func (f *Filter) Add(key string) (there bool) {
	there = true
	block, h := f.block(key)
	for range f.bits {
		if word, bit := place(block, h); word.Load()&bit == 0 {
			there = false
			word.Or(bit)
		}
		h >>= placeBits
	}
	return there
}

// Has returns false if the key was certainly never added.
func (f *Filter) Has(key string) bool {
	block, h := f.block(key)
	for range f.bits {
		if word, bit := place(block, h); word.Load()&bit == 0 {
			return false
		}
		h >>= placeBits
	}
	return true
}

// block returns the block of a key, and the hash whose lower bits are its places in there.
func (f *Filter) block(key string) ([]atomic.Uint64, uint64) {
	h := maphash.String(f.seed, key)
	at := h >> (MaxBits*placeBits + 1) % uint64(len(f.words)/blockWords) * blockWords
	return f.words[at : at+blockWords], h
}

func place(block []atomic.Uint64, h uint64) (word *atomic.Uint64, bit uint64) {
	return &block[h%blockBits/wordBits], 1 << (h % wordBits)
}
