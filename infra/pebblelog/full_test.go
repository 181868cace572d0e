package pebblelog_test

import (
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"orderflow/domain"
	"orderflow/infra/pebblelog"
)

// A checkpoint that found no room is written when there is some: the log goes
// on meanwhile, and its end is what the checkpoint says at last.
func TestACheckpointWaitsForRoom(t *testing.T) {
	var full atomic.Bool
	var refused atomic.Int64
	inject := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full.Load() && strings.HasSuffix(op.Path, "checkpoint.new") && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			refused.Add(1)
			return syscall.ENOSPC
		}
		return nil
	})
	written := make(chan int64, 100)
	fs := vfs.NewMem()
	log := open(t, logDir, pebblelog.Options{
		FS: errorfs.Wrap(fs, inject), Disk: roomy(),
		Hooks: pebblelog.Hooks{Checkpointed: func(position int64) { written <- position }},
	})
	full.Store(true)
	if _, err := log.Append(t.Context(), "test-1", 0, pending("test-1", 1, 1, 10)...); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); refused.Load() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no checkpoint was tried")
		}
	}
	if _, err := log.Append(t.Context(), "test-1", 1, pending("test-1", 2, 1, 10)...); err != nil {
		t.Fatalf("after a checkpoint without room: %v", err)
	}
	full.Store(false)
	end, err := log.End(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.After(10 * time.Second); ; {
		select {
		case at := <-written:
			if at == int64(end) {
				return
			}
		case <-deadline:
			t.Fatal("no checkpoint was written although there is room")
		}
	}
}

// A log that cannot be opened for want of room is not called broken: whoever
// believed that would put an older copy in its place.
func TestAFullDiskIsNoBrokenLog(t *testing.T) {
	fs := vfs.NewMem()
	log := open(t, logDir, pebblelog.Options{FS: fs, Disk: roomy()})
	if _, err := log.Append(t.Context(), "test-1", 0, pending("test-1", 1, 1, 10)...); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	inject := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && op.Kind != errorfs.OpFilePreallocate {
			return syscall.ENOSPC
		}
		return nil
	})
	_, err := pebblelog.Open(logDir, pebblelog.Options{FS: errorfs.Wrap(fs, inject), Disk: roomy()})
	if domain.KindOf(err) != domain.ReadOnly || err == nil || strings.Contains(err.Error(), "broken") || !strings.Contains(err.Error(), "full") {
		t.Errorf("a full disk: %v", err)
	}
	log = open(t, logDir, pebblelog.Options{FS: fs, Disk: roomy()})
	if end, err := log.End(t.Context()); end != 1 || err != nil {
		t.Errorf("with room again the log ends at %d, %v", end, err)
	}
}

// roomy returns a disk that the guard has nothing against.
func roomy() pebblelog.Disk {
	return pebblelog.Disk{Usage: func() (vfs.DiskUsage, error) {
		return vfs.DiskUsage{AvailBytes: 1 << 40, TotalBytes: 1 << 41}, nil
	}}
}
