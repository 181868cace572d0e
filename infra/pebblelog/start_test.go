package pebblelog_test

import (
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/infra/pebblelog"
)

// brokenStarts is how often a log with a broken table is started.
const brokenStarts = 60

// TestBrokenTableAtStart starts a log on the machine's own disk again and again
// with a byte flipped in one of its newest tables. The database meets the
// damage in the middle of the start, at the same time as the check of the
// tables: every start is refused, and the lock is let go of once, by one owner.
func TestBrokenTableAtStart(t *testing.T) {
	if !inOwnProcess(t) {
		return
	}
	memory := vfs.NewCrashableMem()
	filled(t, memory, 1, 400)
	tables := tablesIn(t, memory)
	newest := tables[max(len(tables)-3, 0):]
	for seed := range uint64(brokenStarts) {
		rng := rand.New(rand.NewPCG(seed, 8))
		dir := filepath.Join(t.TempDir(), logDir)
		if ok, err := vfs.Clone(memory, vfs.Default, logDir, dir); err != nil || !ok {
			t.Fatal(ok, err)
		}
		path := filepath.Join(dir, "db", newest[rng.IntN(len(newest))])
		content := readFile(t, vfs.Default, path)
		at := len(content) - 1 - rng.IntN(min(len(content), 16<<10))
		content[at] ^= 0x40
		writeFile(t, vfs.Default, path, content)
		opts := small(vfs.Default)
		if log, err := pebblelog.Open(dir, opts); err == nil {
			t.Errorf("seed %d: a log with a flipped byte at %d of %d in %s was opened; %v", seed, at, len(content), path, log.Close())
		}
		lock, err := vfs.Default.Lock(filepath.Join(dir, "lock"))
		if err != nil {
			t.Fatalf("seed %d: a refused start kept the lock: %v", seed, err)
		}
		if err := lock.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
