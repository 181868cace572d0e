package pebblelog

import (
	"strings"
	"testing"

	"orderflow/domain/eventlog"
)

// TestHeadsWeighNames says that long names fill the cache sooner.
func TestHeadsWeighNames(t *testing.T) {
	h := newHeadCache(100)
	for i := range 20 {
		h.put(eventlog.Stream(strings.Repeat("n", 10<<10)+string(rune('a'+i))), 1)
	}
	if len(h.young)+len(h.old) > 20 || h.generation == 0 {
		t.Errorf("%d and %d names of 10 KiB are kept where 100 KiB are, after %d changes", len(h.young), len(h.old), h.generation)
	}
	h = newHeadCache(100)
	for range 1_000 {
		h.put("the same", 1)
	}
	if h.generation != 0 {
		t.Error("one stream filled the cache")
	}
}
