package pebblelog

import (
	"errors"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// failstop is the file system the database works on. The first operation that
// changes a file of the database and fails is reported, and neither it nor any
// later one returns: the disk stays as it was at the failure, and the database
// gets no chance to try an fsync again, to end the process or to go on as if
// nothing had happened. Reads go on.
//
// Until the log is accepted it deletes nothing: a log that is refused at the
// start keeps every trace of what it was.
type failstop struct {
	vfs.FS
	dir    string // what the names of the database's files begin with; others fail in the ordinary way
	report func(error)
	down   atomic.Bool

	mu        sync.Mutex
	accepted  bool
	postponed []string // files to delete once accepted
}

// accept ends the start: what was to be deleted is deleted.
func (f *failstop) accept() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range f.postponed {
		if err := f.FS.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	f.postponed = nil
	f.accepted = true
	return nil
}

// park ends the caller for good. A goroutine parked here is the price of a
// process that can still answer reads after its disk has failed.
func (f *failstop) park() { select {} }

// gate holds back changes after a failure.
func (f *failstop) gate(name string) {
	if f.down.Load() && f.ours(name) {
		f.park()
	}
}

func (f *failstop) ours(name string) bool { return strings.HasPrefix(name, f.dir) }

// outcome looks at the result of a change.
func (f *failstop) outcome(name string, err error) error {
	if err == nil || !f.ours(name) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
		return err
	}
	if f.down.CompareAndSwap(false, true) {
		f.report(err)
	}
	f.park()
	return err
}

func (f *failstop) file(name string, file vfs.File, err error) (vfs.File, error) {
	if err := f.outcome(name, err); err != nil {
		return nil, err
	}
	return &failstopFile{File: file, fs: f, name: name}, nil
}

// Create makes a file. Before a marker, which tells the database its current
// files, their folder is synced: the database syncs those files but not their
// names, and after a crash the marker alone may be there.
func (f *failstop) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f.gate(name)
	if f.ours(name) && strings.HasPrefix(f.PathBase(name), "marker.") {
		if err := f.outcome(name, folder{fs: f.FS}.sync(f.PathDir(name))); err != nil {
			return nil, err
		}
	}
	file, err := f.FS.Create(name, category)
	return f.file(name, file, err)
}

func (f *failstop) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f.gate(newname)
	file, err := f.FS.ReuseForWrite(oldname, newname, category)
	return f.file(newname, file, err)
}

func (f *failstop) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	f.gate(name)
	file, err := f.FS.OpenReadWrite(name, category, opts...)
	return f.file(name, file, err)
}

func (f *failstop) OpenDir(name string) (vfs.File, error) {
	file, err := f.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &failstopFile{File: file, fs: f, name: name}, nil
}

func (f *failstop) Link(oldname, newname string) error {
	f.gate(newname)
	return f.outcome(newname, f.FS.Link(oldname, newname))
}

func (f *failstop) Remove(name string) error {
	f.gate(name)
	if f.postpone(name) {
		return nil
	}
	return f.outcome(name, f.FS.Remove(name))
}

func (f *failstop) postpone(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.accepted || !f.ours(name) {
		return false
	}
	f.postponed = append(f.postponed, name)
	return true
}

func (f *failstop) RemoveAll(name string) error {
	f.gate(name)
	return f.outcome(name, f.FS.RemoveAll(name))
}

func (f *failstop) Rename(oldname, newname string) error {
	f.gate(newname)
	return f.outcome(newname, f.FS.Rename(oldname, newname))
}

func (f *failstop) MkdirAll(dir string, perm fs.FileMode) error {
	f.gate(dir)
	return f.outcome(dir, f.FS.MkdirAll(dir, perm))
}

func (f *failstop) Unwrap() vfs.FS { return f.FS }

type failstopFile struct {
	vfs.File
	fs   *failstop
	name string
}

func (f *failstopFile) Write(p []byte) (int, error) {
	f.fs.gate(f.name)
	n, err := f.File.Write(p)
	return n, f.fs.outcome(f.name, err)
}

func (f *failstopFile) WriteAt(p []byte, offset int64) (int, error) {
	f.fs.gate(f.name)
	n, err := f.File.WriteAt(p, offset)
	return n, f.fs.outcome(f.name, err)
}

func (f *failstopFile) Sync() error {
	f.fs.gate(f.name)
	return f.fs.outcome(f.name, f.File.Sync())
}

func (f *failstopFile) SyncData() error {
	f.fs.gate(f.name)
	return f.fs.outcome(f.name, f.File.SyncData())
}

func (f *failstopFile) SyncTo(length int64) (bool, error) {
	f.fs.gate(f.name)
	full, err := f.File.SyncTo(length)
	return full, f.fs.outcome(f.name, err)
}
