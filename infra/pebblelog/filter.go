package pebblelog

import (
	"encoding/binary"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
)

// filterBitsPerKey sizes the filters: about 1 % of wrong guesses.
const filterBitsPerKey = 10

// firstEvents is the filter of every table. The one thing it is asked is
// whether a stream exists, so it holds the first event of each stream and
// nothing else: one key of eight. Filters of all keys grow to more than the
// cache holds, and then each new stream has one read from the disk.
// See docs/adr/006.
type firstEvents struct{ bloom.FilterPolicy }

func newFirstEvents() firstEvents { return firstEvents{bloom.FilterPolicy(filterBitsPerKey)} }

// Name implements pebble.FilterPolicy. It is stored with every table: a table
// whose filter has another name is read without it.
func (firstEvents) Name() string { return "orderflow.first-events.v1" }

// MayContain implements pebble.FilterPolicy.
func (f firstEvents) MayContain(t pebble.FilterType, filter, key []byte) bool {
	return !isFirstEvent(key) || f.FilterPolicy.MayContain(t, filter, key)
}

// NewWriter implements pebble.FilterPolicy.
func (f firstEvents) NewWriter(t pebble.FilterType) pebble.FilterWriter {
	return firstEventsWriter{f.FilterPolicy.NewWriter(t)}
}

type firstEventsWriter struct{ pebble.FilterWriter }

// AddKey implements pebble.FilterWriter.
func (w firstEventsWriter) AddKey(key []byte) {
	if isFirstEvent(key) {
		w.FilterWriter.AddKey(key)
	}
}

// isFirstEvent reports whether a key is the index entry of a stream's first event.
func isFirstEvent(key []byte) bool {
	return len(key) > 8 && key[0] == kindStream && binary.BigEndian.Uint64(key[len(key)-8:]) == 1
}
