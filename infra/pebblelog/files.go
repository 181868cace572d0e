package pebblelog

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Names in the folder of a log.
const (
	dbName         = "db"
	freshName      = "db.new" // a database until it is whole
	lockName       = "lock"   // held while the log is open
	checkpointName = "checkpoint"
	keyName        = "checkpoint.key"
	damageName     = "damage" // names a table that was found broken
)

// maxSmallFileBytes bounds the files that are read whole.
const maxSmallFileBytes = 4 << 10

// folder is the folder of a log.
type folder struct {
	fs  vfs.FS
	dir string
}

func (f folder) path(name string) string { return f.fs.PathJoin(f.dir, name) }

// read returns the contents of a small file, nil if there is none.
func (f folder) read(name string) (text []byte, err error) {
	file, err := f.fs.Open(f.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	text, err = io.ReadAll(io.LimitReader(file, maxSmallFileBytes))
	if text == nil {
		text = []byte{}
	}
	return text, err
}

// write replaces a small file so that a crash leaves the old or the new one,
// and returns when the new one is on disk. Only the owner may read it.
func (f folder) write(name string, text []byte) error {
	temporary := f.path(name + ".new")
	file, err := f.fs.Create(temporary, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	if file.Fd() != vfs.InvalidFd { // a file of the machine, and not of a test
		err = os.Chmod(temporary, 0o600)
	}
	if err == nil {
		_, err = file.Write(text)
	}
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := f.fs.Rename(temporary, f.path(name)); err != nil {
		return err
	}
	return f.sync(f.dir)
}

// make creates the folder, on disk up to the first parent that was there.
func (f folder) make() error {
	var fresh []string
	for dir := f.dir; ; dir = f.fs.PathDir(dir) {
		fresh = append(fresh, dir)
		if _, err := f.fs.Stat(dir); err == nil || dir == f.fs.PathDir(dir) {
			break
		}
	}
	if err := f.fs.MkdirAll(f.dir, 0o700); err != nil {
		return err
	}
	for _, dir := range fresh {
		if err := f.sync(dir); err != nil {
			return err
		}
	}
	return nil
}

func (f folder) sync(dir string) error {
	d, err := f.fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// size returns the sum of the files in a folder of the folder, in bytes.
func (f folder) size(name string) (total uint64) {
	dir := f.path(name)
	names, _ := f.fs.List(dir)
	for _, file := range names {
		if info, err := f.fs.Stat(f.fs.PathJoin(dir, file)); err == nil { // it may be gone by now
			total += uint64(info.Size())
		}
	}
	return total
}
