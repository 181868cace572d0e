package postgres

import "hash/maphash"

// bloomFilterBits is the size of the filter of one table: 4 MiB. With ten
// million keys a quarter of the new ones are false positives, which cost one
// query each.
const bloomFilterBits = 1 << 25

// bloomFilter holds the keys that were written to each table: a key that it does not
// have is not in the table. It may report a new key as known (false positive).
type bloomFilter struct {
	seed   maphash.Seed
	tables map[string][]uint64
}

func newBloomFilter() bloomFilter {
	return bloomFilter{seed: maphash.MakeSeed(), tables: map[string][]uint64{}}
}

// add adds a key and reports whether it may have been there already.
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

// has reports whether a key may be there.
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
