package pebblelog_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/pebblelog"
)

// What the log is like whose bytes are flipped.
const (
	flippedAppends = 500 // of one fill, of which there are as many as it takes
	maxFills       = 20
	leastTables    = 5
	leastLevels    = 2
	flippedBytes   = 4_000 // of one event, which do not compress
	// flipsPerTable and flipsPerFile are evenly spread over every file.
	flipsPerTable = 8
	flipsPerFile  = 24
	shortly       = 4 // in short form there are so many times fewer
	// foundWithin bounds how long the verification behind a start may take.
	foundWithin = 20 * time.Second
)

// TestFlippedBytes flips single bytes, evenly spread over every file of a log
// with tables on several levels. A flip in a table is found at the start; one
// in another file is found too, or it is of no consequence: then all that was
// written is read as it was.
func TestFlippedBytes(t *testing.T) {
	if !inOwnProcess(t) {
		return
	}
	fs := manyTables(t)
	written, tables := everything(t, copied(fs)), tablesIn(t, fs)
	outcomes := map[string]int{}
	flips(t, fs, func(path string, at int, victim *vfs.MemFS) {
		log, err := pebblelog.Open(logDir, small(victim))
		if err != nil {
			checkRefusal(t, path, at, err)
			outcomes["refused after a flip in "+kindOf(path)]++
			return
		}
		defer log.Close() //nolint:errcheck // it may well be broken
		if slices.Contains(tables, filepath.Base(path)) {
			t.Errorf("a log with byte %d of %s flipped was opened", at, path)
		}
		if err := readsAll(t, log, written); err != nil {
			t.Errorf("opened with byte %d of %s flipped, but: %v", at, path, err)
		}
		outcomes["whole after a flip in "+kindOf(path)]++
	})
	for what, n := range outcomes {
		t.Logf("%4d × %s", n, what)
	}
}

// TestFlippedBytesBehindTheBound does the same with tables beyond what a start
// verifies. What is not refused is found behind the start: the log stops, and
// the next start refuses.
func TestFlippedBytesBehindTheBound(t *testing.T) {
	if !inOwnProcess(t) {
		return
	}
	fs := manyTables(t)
	written, tables := everything(t, copied(fs)), tablesIn(t, fs)
	outcomes := map[string]int{}
	flips(t, fs, func(path string, at int, victim *vfs.MemFS) {
		if !slices.Contains(tables, filepath.Base(path)) {
			return
		}
		var verified atomic.Bool
		stopped := make(chan string, 1)
		opts := pebblelog.VerifiedAtStart(small(victim), 1)
		opts.Hooks.Verified = func(int, int64) { verified.Store(true) }
		opts.Hooks.ReadOnly = func(reason string) { stopped <- reason }
		log, err := pebblelog.Open(logDir, opts)
		if err != nil {
			checkRefusal(t, path, at, err)
			outcomes["refused"]++
			return
		}
		select {
		case reason := <-stopped:
			if !strings.Contains(reason, filepath.Base(path)) || strings.Contains(reason, "\n") {
				t.Errorf("the operator is told of byte %d of %s: %q", at, path, reason)
			}
		case <-time.After(foundWithin):
			t.Fatalf("byte %d of %s is flipped, and after %s nobody noticed; verified: %v", at, path, foundWithin, verified.Load())
		}
		_, err = log.Append(t.Context(), "later-1", 0, pending("later-1", 0, 1, 10)...)
		if domain.KindOf(err) != domain.ReadOnly {
			t.Errorf("an append to a damaged log gave %v", err)
		}
		if err := readsAll(t, log, written); errors.Is(err, errSilent) {
			t.Errorf("byte %d of %s: %v", at, path, err)
		}
		if err := log.Close(); domain.KindOf(err) != domain.ReadOnly {
			t.Errorf("closing a damaged log gave %v", err)
		}
		again, err := pebblelog.Open(logDir, pebblelog.VerifiedAtStart(small(copied(victim)), 1))
		if err == nil {
			t.Fatalf("after byte %d of %s was found flipped the log was opened again; %v", at, path, again.Close())
		}
		checkRefusal(t, path, at, err)
		outcomes["found behind the start"]++
	})
	for what, n := range outcomes {
		t.Logf("%4d × %s", n, what)
	}
	if outcomes["found behind the start"] == 0 {
		t.Errorf("nothing was found behind a start: %v", outcomes)
	}
}

// TestVerifiesOnce reads no byte of a table twice on the way from a start to
// the end of the verification, and says when all is verified.
func TestVerifiesOnce(t *testing.T) {
	fs := manyTables(t)
	total := int64(0)
	for _, bound := range []int64{1, 4 << 20, 1 << 40} {
		verified := make(chan int64, 1)
		opts := pebblelog.VerifiedAtStart(small(copied(fs)), bound)
		opts.Hooks.Verified = func(_ int, bytes int64) { verified <- bytes }
		log := open(t, logDir, opts)
		select {
		case bytes := <-verified:
			if total == 0 {
				total = bytes
			}
			if bytes != total || bytes == 0 {
				t.Errorf("%d bytes were verified with a bound of %d, %d with another", bytes, bound, total)
			}
		case <-time.After(foundWithin):
			t.Fatalf("nothing was verified within %s", foundWithin)
		}
		if _, err := log.Append(t.Context(), "later-1", 0, pending("later-1", 0, 1, 10)...); err != nil {
			t.Error(err)
		}
	}
}

// TestRestoredAfterDamage puts the table back that was found broken: the log
// opens, and forgets that anything was.
func TestRestoredAfterDamage(t *testing.T) {
	if !inOwnProcess(t) {
		return
	}
	fs := manyTables(t)
	whole := copied(fs)
	path := fs.PathJoin(logDir, "db", tablesIn(t, fs)[0])
	content := readFile(t, fs, path)
	content[len(content)/2] ^= 0x10
	writeFile(t, fs, path, content)
	wantRefused(t, fs, "is broken at byte", filepath.Base(path))
	if _, err := fs.Stat(fs.PathJoin(logDir, "damage")); err != nil {
		t.Error(err)
	}
	putBack(t, whole, fs, "db")
	open(t, logDir, small(fs))
	if _, err := fs.Stat(fs.PathJoin(logDir, "damage")); err == nil {
		t.Error("the damage is still written down")
	}
}

// TestCompactionsFollowTheStart opens a log that is due for a compaction, and
// appends nothing: the compactions that the start held back are made.
func TestCompactionsFollowTheStart(t *testing.T) {
	const due = 4 // tables on level 0
	fs := manyTables(t)
	for opened := 0; ; opened++ {
		levels, err := pebblelog.LiveTables(logDir, small(copied(fs)))
		if err != nil || opened > maxFills {
			t.Fatal(opened, err)
		}
		if len(levels[0]) >= due {
			break
		}
		filled(t, fs, 100+opened, 1)
	}
	log := open(t, logDir, small(fs))
	deadline := time.Now().Add(foundWithin)
	for n := due; n >= due; {
		if time.Now().After(deadline) {
			t.Fatalf("after %s there are still %d tables on level 0", foundWithin, n)
		}
		levels, err := log.TableCounts()
		if err != nil {
			t.Fatal(err)
		}
		n = levels[0]
		runtime.Gosched()
	}
}

// manyTables returns a closed log with several tables on two levels at least.
func manyTables(t *testing.T) *vfs.MemFS {
	t.Helper()
	fs := vfs.NewCrashableMem()
	rng := rand.New(rand.NewPCG(1, 11))
	version := map[eventlog.Stream]eventlog.Version{}
	for range maxFills {
		log, err := pebblelog.Open(logDir, small(fs))
		if err != nil {
			t.Fatal(err)
		}
		for range flippedAppends {
			s := stream("ab"[rng.IntN(2):][:1], rng.IntN(40))
			e := pending(s, version[s], 1, 0)[0]
			e.Data = make([]byte, rng.IntN(2*flippedBytes))
			for j := 0; j+8 <= len(e.Data); j += 8 {
				binary.LittleEndian.PutUint64(e.Data[j:], rng.Uint64())
			}
			if _, err := log.Append(t.Context(), s, version[s], e); err != nil {
				t.Fatal(err)
			}
			version[s]++
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		levels, err := pebblelog.LiveTables(logDir, small(copied(fs)))
		if err != nil {
			t.Fatal(err)
		}
		used, tables, counts := 0, 0, []int{}
		for _, names := range levels {
			tables += len(names)
			used += min(len(names), 1)
			counts = append(counts, len(names))
		}
		if used >= leastLevels && tables >= leastTables {
			t.Logf("tables by level: %v", counts)
			return fs
		}
	}
	t.Fatal("the log has too few tables")
	return nil
}

// tablesIn names the tables of a closed log; others that lie there are left over.
func tablesIn(t *testing.T, fs *vfs.MemFS) []string {
	t.Helper()
	levels, err := pebblelog.LiveTables(logDir, small(copied(fs)))
	if err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(slices.Values(slices.Concat(levels...)))
}

// flips calls try with copies of a log that differ from it in one byte.
func flips(t *testing.T, fs *vfs.MemFS, try func(path string, at int, victim *vfs.MemFS)) {
	t.Helper()
	for _, dir := range []string{logDir, fs.PathJoin(logDir, "db")} {
		names, err := fs.List(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range slices.Sorted(slices.Values(names)) {
			path := fs.PathJoin(dir, name)
			if info, err := fs.Stat(path); err != nil || info.IsDir() {
				continue
			}
			content := readFile(t, fs, path)
			n := flipsPerFile
			if filepath.Ext(name) == ".sst" {
				n = flipsPerTable
			}
			if testing.Short() {
				n /= shortly
			}
			n = min(n, len(content))
			for i := range n {
				at := (2*i + 1) * len(content) / (2 * n)
				victim, broken := copied(fs), slices.Clone(content)
				broken[at] ^= 1 << (i % 8)
				writeFile(t, victim, path, broken)
				try(path, at, victim)
			}
		}
	}
}

// checkRefusal demands one line that an operator understands.
func checkRefusal(t *testing.T, path string, at int, err error) {
	t.Helper()
	if text := err.Error(); strings.Contains(text, "\n") || strings.Contains(text, ".go:") || !strings.Contains(text, "backup") {
		t.Errorf("byte %d of %s: the refusal is no line for an operator: %q", at, path, text)
	}
}

// errSilent is what must never be: less than was written, or something else.
var errSilent = errors.New("silently lost or wrong")

// readsAll reads the whole log, by position and by its indexes.
func readsAll(t *testing.T, log *pebblelog.Log, written []eventlog.Recorded) error {
	count := 0
	for r, err := range log.ReadAll(t.Context(), 0) {
		if err != nil {
			return err
		}
		if count >= len(written) || !equal(r, written[count]) {
			return fmt.Errorf("%w: event %d", errSilent, count)
		}
		count++
	}
	if count != len(written) {
		return fmt.Errorf("%w: %d of %d events", errSilent, count, len(written))
	}
	heads := map[eventlog.Stream]eventlog.Version{}
	for _, r := range written {
		heads[r.Stream] = r.Version
	}
	return inspectIndexes(t, log, heads, len(written))
}
