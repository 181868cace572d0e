package node

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// roomBytes is the size up to which the heap grows before the first garbage
	// is collected. A node with few orders lives in 50 MiB and would collect
	// every 50 ms under load; one with a million lives in more than half of
	// this, and for it nothing changes.
	roomBytes = 160 << 20
	// usualPercent is the default of GOGC, in percent of the live heap.
	usualPercent = 100
)

// TuneGC lets a small heap grow to roomBytes before it is collected; a
// large one is collected as usual. GOGC, if set, stands.
// See docs/adr/006.
func TuneGC() {
	if os.Getenv("GOGC") == "" {
		afterCollection(&metrics.Sample{Name: "/gc/heap/live:bytes"})
	}
}

// afterCollection adjusts what the next collection waits for, now and after
// every collection: what it hangs on is garbage at once.
func afterCollection(live *metrics.Sample) {
	now := []metrics.Sample{*live}
	metrics.Read(now)
	debug.SetGCPercent(percentFor(now[0].Value.Uint64()))
	runtime.AddCleanup(&struct{ beat [16]byte }{}, afterCollection, live)
}

// percentFor is the garbage that may come to live bytes, in percent of them.
func percentFor(live uint64) int {
	const least = roomBytes / 100 // of live bytes that are told apart: 100 times as much garbage is enough
	live = max(live, least)
	if live >= roomBytes {
		return usualPercent
	}
	return max(usualPercent, int((roomBytes-live)*100/live))
}
