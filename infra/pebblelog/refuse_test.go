package pebblelog_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/pebblelog"
)

func stream(category string, i int) eventlog.Stream {
	return eventlog.Stream(fmt.Sprintf("%s-%d", category, i))
}

func versionOf(n int) eventlog.Version { return eventlog.Version(n) }

// filled returns a file system with a closed log of some appends.
func filled(t testing.TB, fs *vfs.MemFS, writer, appends int) []acked {
	t.Helper()
	log, err := pebblelog.Open(logDir, small(fs))
	if err != nil {
		t.Fatal(err)
	}
	var h history
	if err := work(t, log, &h, rand.New(rand.NewPCG(uint64(writer), 9)), writer, appends); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	return h.until()
}

// copied returns a copy of the whole file system.
func copied(fs *vfs.MemFS) *vfs.MemFS {
	return fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(0, 0))})
}

func wantRefused(t *testing.T, fs vfs.FS, words ...string) {
	t.Helper()
	log, err := pebblelog.Open(logDir, small(fs))
	if err == nil {
		_ = log.Close()
		t.Fatalf("the log was opened, want an error with %q", words)
	}
	for _, word := range append(words, "Nothing in it was deleted", "backup") {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error does not say %q: %v", word, err)
		}
	}
}

func TestShorterLogIsRefused(t *testing.T) {
	fs := vfs.NewCrashableMem()
	filled(t, fs, 1, 20)
	older := copied(fs)
	filled(t, fs, 2, 20)
	putBack(t, older, fs, "db")
	before, err := fs.List(logDir + "/db")
	if err != nil {
		t.Fatal(err)
	}
	wantRefused(t, fs, "ends at position", "its checkpoint says that it reached")
	for _, name := range before {
		if _, err := fs.Stat(fs.PathJoin(logDir, "db", name)); err != nil {
			t.Errorf("the refused start deleted a file: %v", err)
		}
	}
	wantRefused(t, fs, "ends at position") // and no start made it look right

	opts := small(fs)
	opts.AcceptLoss = true
	log, err := pebblelog.Open(logDir, opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, logDir, small(fs)) // from now on as ever
}

func TestOtherLogIsRefused(t *testing.T) {
	fs, other := vfs.NewCrashableMem(), vfs.NewCrashableMem()
	filled(t, fs, 1, 20)
	filled(t, other, 2, 40)
	putBack(t, other, fs, "db")
	wantRefused(t, fs, "is not the one that the checkpoint saw")
}

func TestMissingWitnessIsRefused(t *testing.T) {
	for name, words := range map[string]string{
		"checkpoint": "has no checkpoint", "checkpoint.key": "checkpoint.key is missing", "db": "does not exist",
	} {
		fs := vfs.NewCrashableMem()
		filled(t, fs, 1, 5)
		if err := fs.RemoveAll(fs.PathJoin(logDir, name)); err != nil {
			t.Fatal(err)
		}
		wantRefused(t, fs, words)
	}
}

func TestForgedCheckpointIsRefused(t *testing.T) {
	fs, other := vfs.NewCrashableMem(), vfs.NewCrashableMem()
	filled(t, fs, 1, 20)
	filled(t, other, 1, 20)
	putBack(t, other, fs, "checkpoint")
	wantRefused(t, fs, "signature")
}

// putBack replaces a file or folder of the log by the one of another file system.
func putBack(t *testing.T, from, to vfs.FS, name string) {
	t.Helper()
	path := to.PathJoin(logDir, name)
	if err := to.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if ok, err := vfs.Clone(from, to, path, path, vfs.CloneSync); err != nil || !ok {
		t.Fatal(ok, err)
	}
}

func TestTwoOpeners(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, pebblelog.Options{})
	_, err := pebblelog.Open(dir, pebblelog.Options{})
	if domain.KindOf(err) != domain.Unavailable || !strings.Contains(err.Error(), "open in another process") {
		t.Errorf("the second opener got %v", err)
	}
	other := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOpenedByAnotherProcess$", "-test.v")
	other.Env = append(os.Environ(), openerDir+"="+dir)
	out, err := other.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "open in another process") {
		t.Errorf("the other process: %v\n%s", err, out)
	}
}

// openerDir names the folder that TestTwoOpeners wants opened by a process of its own.
const openerDir = "PEBBLELOG_OPENER_DIR"

func TestOpenedByAnotherProcess(t *testing.T) {
	dir := os.Getenv(openerDir)
	if dir == "" {
		return // not the child of TestTwoOpeners
	}
	_, err := pebblelog.Open(dir, pebblelog.Options{})
	t.Log(err)
}

func TestKeyIsSecret(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, pebblelog.Options{})
	info, err := os.Stat(dir + "/checkpoint.key")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key has mode %v, %v; want 0600", info.Mode(), err)
	}
}

func TestBackupOpens(t *testing.T) {
	dir, to := t.TempDir(), t.TempDir()+"/backup"
	log := open(t, dir, pebblelog.Options{})
	var h history
	if err := work(t, log, &h, rand.New(rand.NewPCG(1, 1)), 1, 50); err != nil {
		t.Fatal(err)
	}
	known := h.until()
	writing := make(chan error, 1)
	go func() { writing <- work(t, log, &h, rand.New(rand.NewPCG(2, 1)), 2, 200) }()
	if err := log.Snapshot(t.Context(), to); err != nil {
		t.Fatal(err)
	}
	if err := <-writing; err != nil {
		t.Fatal(err)
	}
	backup := open(t, to, pebblelog.Options{})
	if err := inspect(t, backup, known); err != nil {
		t.Fatal(err)
	}
	if _, err := backup.Append(t.Context(), "later-1", 0, pending("later-1", 0, 1, 10)...); err != nil {
		t.Error(err)
	}
	if err := log.Snapshot(t.Context(), to); err == nil {
		t.Error("a second backup replaced the first")
	}
	if err := inspect(t, log, h.until()); err != nil {
		t.Error(err)
	}
}

func TestClosedLogRefuses(t *testing.T) {
	log, err := pebblelog.Open(logDir, pebblelog.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	subscribed := make(chan struct{})
	go func() {
		var last error
		for _, err := range log.Subscribe(t.Context(), 0) {
			if last = err; err == nil {
				close(subscribed)
			}
		}
		ended <- last
	}()
	if _, err := log.Append(t.Context(), "a-1", 0, pending("a-1", 0, 1, 10)...); err != nil {
		t.Fatal(err)
	}
	<-subscribed
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; domain.KindOf(err) != domain.Unavailable {
		t.Errorf("the subscription ended with %v, want kind Unavailable", err)
	}
	_, err = log.Append(context.Background(), "a-1", 1, pending("a-1", 1, 1, 10)...)
	if domain.KindOf(err) != domain.Unavailable {
		t.Errorf("an append to a closed log gave %v", err)
	}
	if err := log.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}
