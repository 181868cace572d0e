package pebblelog

import (
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/domain"
)

// Bounds of the free space that is kept by default.
const (
	leastKeptBytes = 128 << 20 // the database's tables in memory must find room
	mostKeptBytes  = 1 << 30
	keptPerMille   = 50
	// mostKeptPerMille bounds both limits on a small disk, so that what is
	// promised can come true: an empty disk takes appends.
	mostKeptPerMille = 500
)

// guard keeps the disk from filling up, because a database that meets a full
// disk hangs instead of failing. It asks for the free space before every batch
// (a system call of a microsecond, next to an fsync) and, while it refuses
// appends, at every attempt; so it needs no timer to notice either change.
type guard struct {
	disk    Disk
	changed func(reason string)

	refusing atomic.Bool
	mu       sync.Mutex // one check at a time, so that changes are reported in order
}

func newGuard(disk Disk, fs vfs.FS, dir string, changed func(string)) *guard {
	if disk.Usage == nil {
		disk.Usage = func() (vfs.DiskUsage, error) { return fs.GetDiskUsage(dir) }
	}
	return &guard{disk: disk, changed: changed}
}

// check returns an error of kind ReadOnly if there is too little space. A file
// system that cannot tell its free space is not guarded.
func (g *guard) check() error {
	usage, err := g.disk.Usage()
	if err != nil || usage.TotalBytes == 0 {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	below, above := g.limits(usage.TotalBytes)
	limit := below
	if g.refusing.Load() {
		limit = above
	}
	if usage.AvailBytes >= limit {
		if g.refusing.CompareAndSwap(true, false) {
			g.changed("")
		}
		return nil
	}
	refusal := domain.Errorf(domain.ReadOnly,
		"The disk of the event log has %d MiB left of %d; orders are taken again by themselves once %d MiB are free. Reads go on.",
		usage.AvailBytes>>20, usage.TotalBytes>>20, above>>20)
	if g.refusing.CompareAndSwap(false, true) {
		g.changed(refusal.Text)
	}
	return refusal
}

// limits are in free bytes, and never more than a disk of total bytes can have
// free. Limits that were given are taken as they are.
func (g *guard) limits(total uint64) (below, above uint64) {
	most := total / 1_000 * mostKeptPerMille
	if below = g.disk.ReadOnlyBelowBytes; below == 0 {
		below = min(max(total/1_000*keptPerMille, leastKeptBytes), mostKeptBytes, most-most/5)
	}
	if above = g.disk.WritableAboveBytes; above < below {
		above = below + below/4
	}
	return below, above
}
