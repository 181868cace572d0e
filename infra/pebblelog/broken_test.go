package pebblelog_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/domain/eventlog"
	"orderflow/infra/pebblelog"
)

// brokenRounds is how many files are broken.
const brokenRounds = 300

// TestBrokenFiles breaks one file of a log offline, in one of four ways. What
// the checkpoint covers is then read as it was, or there is an error; and
// nothing is ever read that was not written.
func TestBrokenFiles(t *testing.T) {
	if !inOwnProcess(t) {
		return
	}
	fs := vfs.NewCrashableMem()
	filled(t, fs, 1, 120)
	clean, covered := copied(fs), 0
	log, err := pebblelog.Open(logDir, small(fs))
	if err != nil {
		t.Fatal(err)
	}
	var h history
	if err := work(t, log, &h, rand.New(rand.NewPCG(2, 2)), 2, 60); err != nil {
		t.Fatal(err)
	}
	crashed := fs.CrashClone(vfs.CrashCloneCfg{}) // with a newest file that was not closed
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	written := everything(t, copied(fs))
	covered = len(everything(t, copied(clean)))

	outcomes := map[string]int{}
	for seed := range fewer(t, brokenRounds) {
		rng := rand.New(rand.NewPCG(seed, 3))
		victim := copied([]*vfs.MemFS{clean, crashed}[seed%2])
		path, how := breakFile(t, victim, rng)
		outcome, err := readBroken(t, victim, written, covered)
		if err != nil {
			t.Errorf("seed %d, %s %s: %v", seed, path, how, err)
		}
		outcomes[outcome+" after "+kindOf(path)+" "+how]++
	}
	for what, n := range outcomes {
		t.Logf("%3d × %s", n, what)
	}
}

// everything returns the events of the log in fs.
func everything(t *testing.T, fs vfs.FS) []eventlog.Recorded {
	t.Helper()
	log, err := pebblelog.Open(logDir, small(fs))
	if err != nil {
		t.Fatal(err)
	}
	var list []eventlog.Recorded
	for r, err := range log.ReadAll(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	return list
}

// readBroken opens and reads a broken log; the error says what was silently
// lost or wrong, the outcome what was noticed.
func readBroken(t *testing.T, fs vfs.FS, written []eventlog.Recorded, covered int) (outcome string, err error) {
	log, err := pebblelog.Open(logDir, small(fs))
	if err != nil {
		return "refused", nil
	}
	defer log.Close() //nolint:errcheck // it may well be broken
	count := 0
	for r, err := range log.ReadAll(t.Context(), 0) {
		if err != nil {
			return "error on reading", nil
		}
		if count >= len(written) || !equal(r, written[count]) {
			return "", fmt.Errorf("event %d was read as %+v", count, r)
		}
		count++
	}
	if count < covered {
		return "", fmt.Errorf("only %d events were read, %d are covered by the checkpoint", count, covered)
	}
	return "whole below the checkpoint", nil
}

func equal(a, b eventlog.Recorded) bool {
	return a.ID == b.ID && a.Stream == b.Stream && a.Version == b.Version && a.Position == b.Position &&
		a.Type == b.Type && bytes.Equal(a.Data, b.Data) && a.Meta == b.Meta && a.At.Equal(b.At)
}

// breakFile breaks a file picked at random, every kind of file alike.
func breakFile(t *testing.T, fs *vfs.MemFS, rng *rand.Rand) (path, how string) {
	t.Helper()
	byKind := map[string][]string{}
	var kinds []string
	for _, dir := range []string{logDir, fs.PathJoin(logDir, "db")} {
		names, err := fs.List(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range slices.Sorted(slices.Values(names)) {
			path := fs.PathJoin(dir, name)
			if info, err := fs.Stat(path); err != nil || info.IsDir() || info.Size() == 0 {
				continue
			}
			kind := kindOf(path)
			if byKind[kind] == nil {
				kinds = append(kinds, kind)
			}
			byKind[kind] = append(byKind[kind], path)
		}
	}
	files := byKind[kinds[rng.IntN(len(kinds))]]
	path = files[rng.IntN(len(files))]
	content := readFile(t, fs, path)
	content, how = breakBytes(content, rng)
	writeFile(t, fs, path, content)
	return path, how
}

func breakBytes(content []byte, rng *rand.Rand) ([]byte, string) {
	at := rng.IntN(len(content))
	switch rng.IntN(4) {
	case 0:
		return content[:at], "truncated"
	case 1:
		content[at] ^= 1 << rng.IntN(8)
		return content, "with a flipped bit"
	case 2:
		clear(content[at/4096*4096 : min(at/4096*4096+4096, len(content))])
		return content, "with a zeroed block"
	default:
		for i := at; i < min(at+512, len(content)); i++ {
			content[i] = byte(rng.Uint32())
		}
		return content, "with a torn sector"
	}
}

func writeFile(t *testing.T, fs vfs.FS, path string, content []byte) {
	t.Helper()
	file, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, fs vfs.FS, path string) []byte {
	t.Helper()
	file, err := fs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // only read
	content, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// kindOf returns the name of a file without its number.
func kindOf(path string) string {
	name := path[strings.LastIndexByte(path, '/')+1:]
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, name)
}
