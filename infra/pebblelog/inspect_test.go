package pebblelog_test

import (
	"encoding/binary"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/domain/eventlog"
	"orderflow/infra/pebblelog"
)

func inspected(t *testing.T, fs vfs.FS) pebblelog.Report {
	t.Helper()
	r, err := pebblelog.Verify(t.Context(), logDir, small(fs), func(eventlog.Position, eventlog.Position) {})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestVerifyReadsAllAndChangesNothing(t *testing.T) {
	fs := vfs.NewCrashableMem()
	filled(t, fs, 1, 200)
	before := names(t, fs)
	r := inspected(t, fs)
	if !r.OK() || r.Events == 0 || r.Events != int64(r.End) || r.Checkpoint != r.End || r.Tables == 0 || r.Blocks == 0 || r.Bytes == 0 {
		t.Errorf("a whole log: %+v", r)
	}
	if after := names(t, fs); !slices.Equal(after, before) {
		t.Errorf("files before %v and after %v", before, after)
	}
	log := open(t, logDir, small(fs))
	open, err := log.Verify(t.Context(), func(eventlog.Position, eventlog.Position) {})
	if err != nil || !open.OK() || open.Events != r.Events {
		t.Errorf("the same log, open: %+v, %v", open, err)
	}
}

func names(t *testing.T, fs vfs.FS) []string {
	t.Helper()
	list, err := fs.List(fs.PathJoin(logDir, "db"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(slices.Sorted(slices.Values(list)), func(name string) bool { return name == "LOCK" })
}

// TestVerifyTellsWhere breaks logs in all the ways there are.
func TestVerifyTellsWhere(t *testing.T) {
	many := manyTables(t)
	for name, c := range map[string]struct {
		fs   *vfs.MemFS
		harm func(t *testing.T, fs *vfs.MemFS)
		loss string
		told string
	}{
		"two tables": {copied(many), func(t *testing.T, fs *vfs.MemFS) {
			for _, name := range tablesIn(t, fs)[:2] {
				path := fs.PathJoin(logDir, "db", name)
				content := readFile(t, fs, path)
				content[len(content)/2] ^= 1
				writeFile(t, fs, path, content)
			}
		}, "", tablesIn(t, many)[1]},
		"an index of streams": {copied(many), func(t *testing.T, fs *vfs.MemFS) {
			change(t, fs, func(db *pebble.DB) error {
				return db.Set(binary.BigEndian.AppendUint64([]byte("s\x00\x03x-1"), 1), binary.BigEndian.AppendUint64(nil, 1), pebble.Sync)
			})
		}, "", "index of streams does not agree"},
		"an index of categories": {copied(many), func(t *testing.T, fs *vfs.MemFS) {
			change(t, fs, func(db *pebble.DB) error {
				return db.Delete(binary.BigEndian.AppendUint64([]byte("c\x00\x01a"), 1), pebble.Sync)
			})
			change(t, fs, func(db *pebble.DB) error {
				return db.Delete(binary.BigEndian.AppendUint64([]byte("c\x00\x01b"), 1), pebble.Sync)
			})
		}, "", "index of categories does not agree"},
		"a record": {copied(many), func(t *testing.T, fs *vfs.MemFS) {
			change(t, fs, func(db *pebble.DB) error { return db.Delete(pebblelog.EventKey(17), pebble.Sync) })
		}, "", "position 17"},
		"the end": {copied(many), func(t *testing.T, fs *vfs.MemFS) {
			older := copied(fs)
			filled(t, fs, 9, 20)
			putBack(t, older, fs, "db")
		}, "its checkpoint says that it reached", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.harm(t, c.fs)
			r := inspected(t, c.fs)
			if r.OK() || !strings.Contains(r.Loss, c.loss) || !strings.Contains(strings.Join(r.Damage, "\n"), c.told) || (c.loss == "") != (r.Loss == "") {
				t.Errorf("the report is %+v, want it to tell %q and %q", r, c.loss, c.told)
			}
		})
	}
}

// change changes the database behind the log's back.
func change(t *testing.T, fs vfs.FS, f func(*pebble.DB) error) {
	t.Helper()
	db, err := pebble.Open(filepath.Join(logDir, "db"), pebblelog.DatabaseOptions(small(fs)))
	if err != nil {
		t.Fatal(err)
	}
	if err := f(db); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
