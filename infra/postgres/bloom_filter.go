package postgres

import "hash/maphash"

// bloomFilterBits is the size of the filter of one table: 4 MiB. Of ten million keys
// it takes a quarter of the new ones for old, which costs a question each, and
// no more.
const bloomFilterBits = 1 << 25

// bloomFilter remembers which keys were written, without ever forgetting one: a key it
// does not know is not in the table. It may take a new one for one it knows.
type bloomFilter struct {
	seed   maphash.Seed
	tables map[string][]uint64
}

func newBloomFilter() bloomFilter {
	return bloomFilter{seed: maphash.MakeSeed(), tables: map[string][]uint64{}}
}

// add remembers a key; it says whether it may be there already.
func (s bloomFilter) add(table, key string) (there bool) {
	bits := s.tables[table]
	if bits == nil {
		bits = make([]uint64, bloomFilterBits/64)
		s.tables[table] = bits
	}
	there = true
	for _, at := range s.places(key) {
		there = there && bits[at/64]&(1<<(at%64)) != 0
		bits[at/64] |= 1 << (at % 64)
	}
	return there
}

// has says whether a key may be there.
func (s bloomFilter) has(table, key string) bool {
	bits := s.tables[table]
	if bits == nil {
		return false
	}
	for _, at := range s.places(key) {
		if bits[at/64]&(1<<(at%64)) == 0 {
			return false
		}
	}
	return true
}

func (s bloomFilter) places(key string) [2]uint64 {
	h := maphash.String(s.seed, key)
	return [2]uint64{h % bloomFilterBits, h >> 32 % bloomFilterBits}
}
