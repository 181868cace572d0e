package pebblelog

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

	"orderflow/domain/eventlog"
)

// table is one file of the database.
type table struct {
	name          string
	level         int
	bytes         int64
	newest        uint64 // the database's number of its newest entry
	first, beyond []byte // its keys
}

// liveTables are the tables the database reads now, by level.
func liveTables(db *pebble.DB) ([][]table, error) {
	infos, err := db.SSTables()
	if err != nil {
		return nil, err
	}
	levels, seen := make([][]table, len(infos)), map[string]bool{}
	for level, list := range infos {
		for _, info := range list {
			name := info.BackingSSTNum.String() + ".sst"
			if seen[name] { // two tables may share one file
				continue
			}
			seen[name] = true
			levels[level] = append(levels[level], table{
				name: name, level: level, bytes: int64(info.Size), newest: uint64(info.LargestSeqNum),
				first: info.Smallest.UserKey, beyond: info.Largest.UserKey,
			})
		}
	}
	return levels, nil
}

// newestFirst is the order in which tables are verified: upper levels hold what
// was written last.
func newestFirst(levels [][]table) (all []table) {
	for _, tables := range levels {
		all = append(all, tables...)
	}
	slices.SortStableFunc(all, func(a, b table) int {
		return cmp.Or(cmp.Compare(a.level, b.level), cmp.Compare(b.newest, a.newest), cmp.Compare(b.name, a.name))
	})
	return all
}

// holds says what keys from first to last are about.
func holds(first, last []byte) string {
	if len(first) == 0 || len(last) == 0 {
		return "an unknown part of the log"
	}
	a, b := positionOf(first), positionOf(last)
	switch {
	case a > 0 && b > 0:
		return fmt.Sprintf("the events at positions %d to %d", a, b)
	case a > 0:
		return fmt.Sprintf("events from position %d on and %s", a, kindName(last[0]))
	case b > 0:
		return fmt.Sprintf("%s and events up to position %d", kindName(first[0]), b)
	case first[0] == last[0]:
		return kindName(first[0])
	case first[0] < kindEvent && last[0] > kindEvent:
		return "events and indexes"
	default:
		return kindName(first[0]) + " and " + kindName(last[0])
	}
}

// positionOf is the position of an event's key, 0 for another.
func positionOf(key []byte) eventlog.Position {
	if len(key) != eventKeyBytes || key[0] != kindEvent {
		return 0
	}
	return eventlog.Position(binary.BigEndian.Uint64(key[1:]))
}

func kindName(kind byte) string {
	switch kind {
	case kindEvent:
		return "events"
	case kindStream:
		return "the index of streams"
	case kindCategory:
		return "the index of categories"
	case kindID, kindIndexed:
		return "the index of ids"
	case kindSnapshot:
		return "snapshots"
	default:
		return "the layout"
	}
}

// tableFile is a table that is being verified; it is closed after its last span.
type tableFile struct {
	table
	file     vfs.File
	checksum block.ChecksumType
	left     atomic.Int64 // spans that are not done
}

// span is a stretch of whole blocks, read at once.
type span struct {
	of     *tableFile
	from   int64
	bytes  int64
	blocks []block.Handle
}

// openTable reads where the blocks of a table are. An error of kind damage
// says that this cannot be told.
func openTable(fsys vfs.FS, dir string, t table, opts sstable.ReaderOptions) (spans []span, err error) {
	file, err := fsys.Open(fsys.PathJoin(dir, t.name), vfs.SequentialReadsOption)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, t.broken(-1, err)
	}
	defer func() {
		if cause := recover(); cause != nil { // as the database's readers do on what they did not expect
			err = t.broken(-1, fmt.Errorf("it cannot be read: %v", cause))
		}
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	layout, checksum, err := readLayout(file, opts)
	if err != nil {
		return nil, t.broken(-1, err)
	}
	tf := &tableFile{table: t, file: file, checksum: checksum}
	spans = spansOf(tf, blocksOf(layout))
	tf.left.Store(int64(len(spans)))
	return spans, nil
}

func readLayout(file vfs.File, opts sstable.ReaderOptions) (*sstable.Layout, block.ChecksumType, error) {
	r, err := openReader(file, opts)
	if err != nil {
		return nil, 0, err
	}
	layout, err := r.Layout()
	return layout, r.BlockReader().ChecksumType(), errors.Join(err, r.Close())
}

// openReader opens a reader of the database; closing it leaves file open.
func openReader(file vfs.File, opts sstable.ReaderOptions) (*sstable.Reader, error) {
	readable, err := sstable.NewSimpleReadable(keptOpen{file})
	if err != nil {
		return nil, err
	}
	return sstable.NewReader(context.Background(), readable, opts)
}

// keptOpen is a file that a reader does not close.
type keptOpen struct{ vfs.File }

func (keptOpen) Close() error { return nil }

// blocksOf are all blocks of a table, in the order of the file. The footer is
// none: it was read to find the others, and has a checksum of its own.
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
func spansOf(tf *tableFile, blocks []block.Handle) (spans []span) {
	for _, b := range blocks {
		end := int64(b.Offset+b.Length) + block.TrailerLen
		if n := len(spans); n > 0 {
			s := &spans[n-1]
			if s.from+s.bytes == int64(b.Offset) && end-s.from <= verifySpanBytes {
				s.bytes, s.blocks = end-s.from, append(s.blocks, b)
				continue
			}
		}
		spans = append(spans, span{of: tf, from: int64(b.Offset), bytes: end - int64(b.Offset), blocks: []block.Handle{b}})
	}
	return spans
}

// check compares the blocks of a span with their checksums and tells found of
// every one that is broken. It returns its buffer, for the next span.
func (s span) check(buffer []byte, found func(*damage)) []byte {
	defer s.release()
	if int64(cap(buffer)) < s.bytes {
		buffer = make([]byte, max(s.bytes, verifySpanBytes))
	}
	buffer = buffer[:s.bytes]
	if n, err := s.of.file.ReadAt(buffer, s.from); int64(n) < s.bytes {
		found(s.of.broken(s.from, err))
		return buffer
	}
	for _, b := range s.blocks {
		at := int64(b.Offset) - s.from
		if err := validate(s.of.checksum, buffer[at:at+int64(b.Length)+block.TrailerLen], b); err != nil {
			found(s.of.broken(int64(b.Offset), err))
		}
	}
	return buffer
}

// validate compares a block, and the trailer after it, with its checksum. The
// usual kind is computed here: the database's own function looks, bit by bit,
// for the one that was flipped, which takes seconds.
func validate(kind block.ChecksumType, b []byte, h block.Handle) error {
	if kind != block.ChecksumTypeCRC32c {
		return block.ValidateChecksum(kind, b, h)
	}
	sum := crc32.Checksum(b[:h.Length+1], castagnoli())
	sum = (sum>>15 | sum<<17) + 0xa282ead8 // as the format of tables has it
	if want := binary.LittleEndian.Uint32(b[h.Length+1:]); sum != want {
		return fmt.Errorf("the checksum of the block is %08x and not %08x", sum, want)
	}
	return nil
}

func (s span) release() {
	if s.of.left.Add(-1) == 0 {
		_ = s.of.file.Close() // it was only read
	}
}

func (t table) broken(offset int64, err error) *damage {
	return &damage{table: t.name, level: t.level, offset: offset, holds: holds(t.first, t.beyond), reason: err}
}
