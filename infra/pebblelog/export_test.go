package pebblelog

import (
	"crypto/ed25519"
	"errors"
	"hash/crc32"

	"github.com/cockroachdb/pebble/v2"

	"orderflow/domain/eventlog"
	"orderflow/infra/pebblelog/scrub"
)

// WithoutSync returns o for a log that acknowledges before the disk has it:
// the control that shows the tests of power loss bite.
func WithoutSync(o Options) Options {
	o.noSync = true
	return o
}

// VerifiedAtStart returns o for a log that verifies about so many bytes of
// tables before it is open, and the rest as fast as it can.
func VerifiedAtStart(o Options, bytes int64) Options {
	o.verifiedAtStart, o.verifyPerSecond = bytes, 1<<40
	return o
}

// Limits returns the free bytes below which a disk of total bytes takes no appends,
// and above which it takes them again, by default.
func Limits(total uint64) (below, above uint64) { return newGuard(Disk{}, nil, "", nil).limits(total) }

// TableCounts counts the tables of an open log by level.
func (l *Log) TableCounts() (counts []int, err error) {
	levels, err := scrub.LiveTables(l.db, describeKeys)
	for _, tables := range levels {
		counts = append(counts, len(tables))
	}
	return counts, err
}

// LiveTables names the tables of a closed log that its database reads, by level.
func LiveTables(dir string, o Options) (names [][]string, err error) {
	o = o.withDefaults()
	opts := databaseOptions(o, o.FS)
	opts.ReadOnly = true
	opts.EventListener = &pebble.EventListener{DataCorruption: func(pebble.DataCorruptionInfo) {}}
	db, err := openDatabase(folder{o.FS, dir}.path(dbName), opts)
	if err != nil {
		return nil, err
	}
	levels, err := scrub.LiveTables(db, describeKeys)
	for i, tables := range levels {
		names = append(names, nil)
		for _, t := range tables {
			names[i] = append(names[i], t.Name)
		}
	}
	return names, errors.Join(err, db.Close())
}

// FirstEvents returns the filter of the tables.
func FirstEvents() pebble.FilterPolicy { return newFirstEvents() }

// FirstEventKey is the one kind of key that the filter holds; EventKey is another.
func FirstEventKey(s eventlog.Stream) []byte { return streamKey(s, 1) }

// EventKey returns the key of the event at a position.
func EventKey(p eventlog.Position) []byte { return eventKey(p) }

// What the fuzz targets decode.
var (
	DecodeRecord     = decodeRecord
	DecodeSnapshot   = decodeSnapshot
	EncodeSnapshot   = encodeSnapshot
	DecodeCheckpoint = decodeCheckpoint
	DecodeKey        = decodeKey
)

// EncodeRecord returns the record of r as the log writes it.
func EncodeRecord(r eventlog.Recorded) []byte {
	bytes := appendBody(nil, &r)
	record := make([]byte, headerBytes+len(bytes))
	putRecord(record, body{formOf(&r), bytes, crc32.Checksum(bytes, castagnoli())}, r.Position, r.At.UnixNano())
	return record
}

// EncodeCheckpoint returns a signed checkpoint.
func EncodeCheckpoint(p eventlog.Position, record [32]byte, key ed25519.PrivateKey) []byte {
	return checkpoint{p, record}.encode(key)
}

// Removals and Settle are the count and the record of removals that GiveBack uses.
func (l *Log) Removals() int64             { return l.removals.Load() }
func (l *Log) Settle(removals int64) error { return l.recordRemovals(removals) }
