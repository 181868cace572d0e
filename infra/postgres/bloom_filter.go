package postgres

import "orderflow/internal/bloom"

// Limits of the filter of one table.
const (
	// bloomFilterBytes is its size: 4 MiB. With ten million keys a quarter of the
	// new ones are false positives, which cost one query each.
	bloomFilterBytes = 4 << 20
	// bloomFilterBits a key: a rebuild fills the filter, and then fewer are better.
	bloomFilterBits = 2
)

// bloomFilters hold the keys that were written to each table: a key that its filter
// does not have is not in the table.
type bloomFilters map[string]*bloom.Filter

// add adds a key and reports whether it may have been there already.
func (f bloomFilters) add(table, key string) (there bool) {
	filter := f[table]
	if filter == nil {
		filter = bloom.New(bloomFilterBytes, bloomFilterBits)
		f[table] = filter
	}
	return filter.Add(key)
}

// has reports whether a key may be there.
func (f bloomFilters) has(table, key string) bool {
	filter := f[table]
	return filter != nil && filter.Has(key)
}
