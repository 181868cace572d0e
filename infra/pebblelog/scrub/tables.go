package scrub

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"slices"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/sstable/block"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Table is one file of the database.
type Table struct {
	Name        string
	Level       int
	Bytes       int64
	First, Last []byte // its smallest and largest keys

	newest   uint64 // the database's number of its newest entry
	describe Describe
}

// Describe returns what the keys from first to last are about, for the operator.
type Describe func(first, last []byte) string

// LiveTables returns the tables that the database reads now, by level.
func LiveTables(db *pebble.DB, describe Describe) ([][]Table, error) {
	infos, err := db.SSTables()
	if err != nil {
		return nil, err
	}
	levels, seen := make([][]Table, len(infos)), map[string]bool{}
	for level, list := range infos {
		for _, info := range list {
			name := info.BackingSSTNum.String() + ".sst"
			if seen[name] { // two tables may share one file
				continue
			}
			seen[name] = true
			levels[level] = append(levels[level], Table{
				Name: name, Level: level, Bytes: int64(info.Size), First: info.Smallest.UserKey, Last: info.Largest.UserKey,
				newest: uint64(info.LargestSeqNum), describe: describe,
			})
		}
	}
	return levels, nil
}

// NewestFirst returns the tables in the order in which they are verified: upper
// levels hold what was written last.
func NewestFirst(levels [][]Table) (all []Table) {
	for _, tables := range levels {
		all = append(all, tables...)
	}
	slices.SortStableFunc(all, func(a, b Table) int {
		return cmp.Or(cmp.Compare(a.Level, b.Level), cmp.Compare(b.newest, a.newest), cmp.Compare(b.Name, a.Name))
	})
	return all
}

// tableFile is a table that is being verified; it is closed after its last span.
type tableFile struct {
	Table
	file     vfs.File
	checksum block.ChecksumType
	left     atomic.Int64 // spans that are not done
}

// Span is a run of whole blocks of one table that are read with one call.
type Span struct {
	Bytes int64

	of     *tableFile
	from   int64
	blocks []block.Handle
}

// openTable reads the layout of a table and returns its blocks in spans. The
// error is a [DamageError] if the layout cannot be read.
func openTable(fsys vfs.FS, dir string, t Table, opts sstable.ReaderOptions) (spans []Span, err error) {
	file, err := fsys.Open(fsys.PathJoin(dir, t.Name), vfs.SequentialReadsOption)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, t.Broken(-1, err)
	}
	defer func() {
		if cause := recover(); cause != nil { // as the database's readers do on what they did not expect
			err = t.Broken(-1, fmt.Errorf("it cannot be read: %v", cause))
		}
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	layout, checksum, err := readLayout(file, opts)
	if err != nil {
		return nil, t.Broken(-1, err)
	}
	tf := &tableFile{Table: t, file: file, checksum: checksum}
	spans = spansOf(tf, blocksOf(layout))
	tf.left.Store(int64(len(spans)))
	return spans, nil
}

func readLayout(file vfs.File, opts sstable.ReaderOptions) (*sstable.Layout, block.ChecksumType, error) {
	r, err := OpenReader(file, opts)
	if err != nil {
		return nil, 0, err
	}
	layout, err := r.Layout()
	return layout, r.BlockReader().ChecksumType(), errors.Join(err, r.Close())
}

// OpenReader opens a table with the database's own reader; closing it leaves file open.
func OpenReader(file vfs.File, opts sstable.ReaderOptions) (*sstable.Reader, error) {
	readable, err := sstable.NewSimpleReadable(keptOpen{file})
	if err != nil {
		return nil, err
	}
	return sstable.NewReader(context.Background(), readable, opts)
}

// keptOpen is a file that a reader does not close.
type keptOpen struct{ vfs.File }

func (keptOpen) Close() error { return nil }

// blocksOf returns all blocks of a table in the order of the file. The footer is
// not among them: it was read to find the others and has a checksum of its own.
func blocksOf(l *sstable.Layout) []block.Handle {
	all := []block.Handle{l.TopIndex, l.RangeDel, l.RangeKey, l.ValueIndex, l.Properties, l.MetaIndex, l.BlobReferenceIndex}
	for _, b := range l.Data {
		all = append(all, b.Handle)
	}
	for _, b := range l.Filter {
		all = append(all, b.Handle)
	}
	all = append(append(all, l.Index...), l.ValueBlock...)
	all = slices.DeleteFunc(all, func(b block.Handle) bool { return b.Length == 0 })
	slices.SortFunc(all, func(a, b block.Handle) int { return cmp.Compare(a.Offset, b.Offset) })
	return slices.Compact(all)
}

// spansOf gathers neighbouring blocks.
func spansOf(tf *tableFile, blocks []block.Handle) (spans []Span) {
	for _, b := range blocks {
		end := int64(b.Offset+b.Length) + block.TrailerLen
		if n := len(spans); n > 0 {
			s := &spans[n-1]
			if s.from+s.Bytes == int64(b.Offset) && end-s.from <= spanBytes {
				s.Bytes, s.blocks = end-s.from, append(s.blocks, b)
				continue
			}
		}
		spans = append(spans, Span{of: tf, from: int64(b.Offset), Bytes: end - int64(b.Offset), blocks: []block.Handle{b}})
	}
	return spans
}

// Check compares the blocks of a span with their checksums and calls found for
// each broken one. It returns its buffer for the next span.
func (s Span) Check(buffer []byte, found func(*DamageError)) []byte {
	defer s.release()
	if int64(cap(buffer)) < s.Bytes {
		buffer = make([]byte, max(s.Bytes, spanBytes))
	}
	buffer = buffer[:s.Bytes]
	if n, err := s.of.file.ReadAt(buffer, s.from); int64(n) < s.Bytes {
		found(s.of.Broken(s.from, err))
		return buffer
	}
	for _, b := range s.blocks {
		at := int64(b.Offset) - s.from
		if err := validate(s.of.checksum, buffer[at:at+int64(b.Length)+block.TrailerLen], b); err != nil {
			found(s.of.Broken(int64(b.Offset), err))
		}
	}
	return buffer
}

// validate compares a block and its trailer with the checksum. CRC-32C is
// computed here because the database's own function searches a broken block for
// the flipped bit, which takes seconds.
func validate(kind block.ChecksumType, b []byte, h block.Handle) error {
	if kind != block.ChecksumTypeCRC32c {
		return block.ValidateChecksum(kind, b, h)
	}
	sum := crc32.Checksum(b[:h.Length+1], crc32.MakeTable(crc32.Castagnoli))
	sum = (sum>>15 | sum<<17) + 0xa282ead8 // as the format of tables has it
	if want := binary.LittleEndian.Uint32(b[h.Length+1:]); sum != want {
		return fmt.Errorf("the checksum of the block is %08x and not %08x", sum, want)
	}
	return nil
}

func (s Span) release() {
	if s.of.left.Add(-1) == 0 {
		_ = s.of.file.Close() // it was only read
	}
}

// Broken returns the damage of a table; offset is that of the block, -1 if it is not known.
func (t Table) Broken(offset int64, err error) *DamageError {
	return &DamageError{Table: t.Name, Level: t.Level, Offset: offset, Holds: t.describe(t.First, t.Last), Reason: err}
}
