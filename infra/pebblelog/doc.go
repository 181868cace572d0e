// Package pebblelog keeps the event log in an embedded Pebble database: the
// default of a node that runs alone.
//
// # Folder
//
//	dir/lock             held by the one process that has the log open
//	dir/db/              the Pebble database
//	dir/checkpoint       what the log held at least, signed; written beside the appends
//	dir/checkpoint.key   the ed25519 key that signs it, made at the first start, mode 0600
//	dir/damage           names a table that was found broken, for the next start to look at first
//
// # Keys
//
// Numbers are big endian, so that keys sort as numbers do; names carry their
// length in two bytes, so that no name is the prefix of another. An event's
// bytes are stored once, under its position; the rest are indexes.
//
//	e position:8                        → record        the log
//	s len:2 stream version:8            → position:8    stream index
//	c len:2 category position:8         → nothing       category index
//	n len:2 stream                      → snapshot      a cache, not synced
//	v                                   → layout:1      the version of this drawing
//	i id:16                             → position:8    id index, only with Options.IndexIDs
//	x                                   → position:8    how far the id index reaches
//	g len:2 stream                      → version:8     the first event that was not scavenged
//	o                                   → position:8    space of scavenged events is still to be given back
//
// # Record
//
//	 0      1       5        13        29
//	┌──────┬───────┬────────┬─────────┬─────────┬────────┬──────┬───────────────────┬──────┐
//	│ form │ crc:4 │ time:8 │ id:16   │ version │ stream │ type │ meta: five texts  │ data │
//	└──────┴───────┴────────┴─────────┴─────────┴────────┴──────┴───────────────────┴──────┘
//
// The version and the lengths of texts are uvarints; data runs to the end. The
// CRC-32C covers id to data, then the time, then the position, so a record
// under a key that is not its own is found out. That is form 1. An event that
// was copied from another log has form 2: a sixth text, when that log took it;
// and the CRC-32C ends with the form.
//
// Of an event that was scavenged its first 13 bytes are left, as form 3: so the
// log has no holes, and a record that is missing is damage. Its entries in the
// indexes are removed with it.
//
// # The way of an append
//
//	Append ──────────────► queue ──► writer ─────────► answer, wake subscribers
//	encodes the events,    bounded   checks versions,
//	looks up the stream              one batch and one
//	if it is not cached              fsync for all
//
// There is one writer, and it has one batch on its way at a time: everything
// that comes while one is synced shares the next. Building a batch during the
// fsync of another was measured and is slower: it splits the writers into two
// crowds that each wait for two fsyncs. Pebble shows a batch to
// its readers before it is on disk; the log does not: every reader stops at
// the last position that is known to be on disk. A conflict is answered after
// what it refers to is on disk, so a writer that is told of one can read what
// it conflicts with.
//
// # Trouble
//
// A full disk: the free space is asked before every batch; under a threshold
// the log takes no appends (ReadOnly) until there is space again.
//
// A failed write or fsync: nothing after it reaches the disk, no append is
// acknowledged any more and the log stays ReadOnly until the process is
// restarted; reads go on. An fsync is never tried again, because the kernel may
// have dropped the pages and would answer the second with success.
//
// A shorter or altered log: Open refuses it; see [Options.AcceptLoss].
//
// A broken log: the write-ahead logs are read whole at the start; of the tables
// every block is compared with its checksum, the newest tables first.
//
//	start ──► tables, up to 256 MiB ──► no event is missing ──► open ──► the other tables,
//	          all processors            in the middle                    32 MiB/s, one goroutine
//
// Damage found before the log is open is a refusal; nothing was deleted and no
// table was replaced. Damage found later, by the verification or by a read,
// ends the log's writing as a failed disk does, and is written down: the next
// start refuses. [Verify] reads the indexes too, [Log.Snapshot] makes a copy
// to go back to.
package pebblelog
