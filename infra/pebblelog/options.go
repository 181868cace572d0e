package pebblelog

import (
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/domain/eventlog"
)

// Options of a log. The zero value is fit for production.
type Options struct {
	// FS is the file system of the log; nil is the machine's.
	FS vfs.FS
	// Clock stamps the events; nil is the machine's clock.
	Clock func() time.Time
	// Logger gets messages for the operator; nil discards them.
	Logger *slog.Logger
	// Disk guards against a full disk.
	Disk Disk
	// Hooks are called on what happens, for metrics.
	Hooks Hooks
	// CacheBytes bounds the cache of blocks; 0 is 32 MiB.
	CacheBytes int64
	// MemTableBytes bounds each of the tables that collect writes in memory;
	// 0 is 32 MiB. What they hold is replayed at the next start.
	MemTableBytes uint64
	// AcceptLoss opens a log that Open would refuse as shorter than or different
	// from its checkpoint, and takes what is there as the truth. For an
	// operator who knows that the rest is lost; once, never by default.
	AcceptLoss bool
	// IndexIDs keeps an index of the events' ids, for [Log.Find]. A log that
	// was written without it is indexed at the start.
	IndexIDs bool
	// LongNames takes names of up to 64 KiB in appends, for the log of an
	// EventStoreDB node. A log that holds some can be opened without.
	LongNames bool

	verifiedAtStart int64 // bytes of tables; 0 is verifiedAtStartBytes
	verifyPerSecond int64 // bytes of tables; 0 is verifyBytesPerSecond

	noSync bool // acknowledges before the fsync; for the test that the tests bite
}

func (o *Options) names() eventlog.NameBytes {
	if o.LongNames {
		return eventlog.LongNames
	}
	return eventlog.ShortNames
}

// Disk says when the log stops taking appends for want of space.
type Disk struct {
	// ReadOnlyBelowBytes of free space the log takes no appends; 0 is 5 % of
	// the disk, at least 128 MiB and at most 1 GiB, but 40 % of a small disk.
	ReadOnlyBelowBytes uint64
	// WritableAboveBytes of free space it takes them again; 0 is a quarter
	// more than ReadOnlyBelowBytes.
	WritableAboveBytes uint64
	// Usage tells how full the disk is; nil asks the file system.
	Usage func() (vfs.DiskUsage, error)
}

// Hooks are called from the goroutines of the log and must not block. Any may be nil.
type Hooks struct {
	// Committed reports one batch on disk: its appends, events and bytes, and
	// how long it waited for the fsync.
	Committed func(appends, events, bytes int, sync time.Duration)
	// ReadOnly reports that the log stopped taking appends, and why, or with an
	// empty reason that it takes them again.
	ReadOnly func(reason string)
	// Checkpointed reports the position of a signed checkpoint.
	Checkpointed func(position int64)
	// Verified reports that every table there was at the start is whole, how
	// many they are and their bytes.
	Verified func(tables int, bytes int64)
}

// Limits of the log.
const (
	// maxQueuedAppends bounds the appends that wait for the next batch; more
	// wait in Append, under their own context.
	maxQueuedAppends = 1_024
	// maxInviteYields bounds how often the writer steps aside between two
	// batches for those it just answered: some ten microseconds, against an
	// fsync. Measured best between 20 and 200.
	maxInviteYields = 100
	// maxBatchBytes ends a batch: large enough that the fsync is shared, small
	// enough that it does not stall the next.
	maxBatchBytes = 4 << 20
	// maxAppendBytes bounds one append, which is one write of the database.
	maxAppendBytes = 64 << 20
	// maxSnapshotBytes bounds one snapshot.
	maxSnapshotBytes = 64 << 20
	// headsPerGeneration bounds the cache of stream versions: two generations
	// of it are about 25 MiB.
	headsPerGeneration = 64 << 10
	// tailEvents and tailBytes bound the events kept in memory for subscribers
	// that are caught up.
	tailEvents = 8 << 10
	tailBytes  = 16 << 20
	// chunkEvents and chunkBytes bound what a reader takes at a time; between
	// chunks it holds nothing in the database.
	chunkEvents = 512
	chunkBytes  = 1 << 20
	// checkpointEvents and checkpointEvery say when a checkpoint is due,
	// whichever comes first; checkpointPause is the least time between two.
	checkpointEvents = 1_000
	checkpointEvery  = time.Second
	checkpointPause  = 100 * time.Millisecond
	// verifiedAtStartBytes bounds the tables, newest first, that a start
	// verifies before the log is open: a log of a million events whole, and of
	// any log what can be read in a fraction of the two seconds of a start.
	verifiedAtStartBytes = 256 << 20
	// verifyBytesPerSecond bounds the reading that verifies the rest beside the
	// work of the log: a few per cent of a processor and of a slow disk.
	verifyBytesPerSecond = 32 << 20
)

func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 32 << 20
	}
	if o.MemTableBytes == 0 {
		o.MemTableBytes = 32 << 20
	}
	if o.verifiedAtStart == 0 {
		o.verifiedAtStart = verifiedAtStartBytes
	}
	if o.verifyPerSecond == 0 {
		o.verifyPerSecond = verifyBytesPerSecond
	}
	if o.Hooks.Committed == nil {
		o.Hooks.Committed = func(int, int, int, time.Duration) {}
	}
	if o.Hooks.ReadOnly == nil {
		o.Hooks.ReadOnly = func(string) {}
	}
	if o.Hooks.Verified == nil {
		o.Hooks.Verified = func(int, int64) {}
	}
	if o.Hooks.Checkpointed == nil {
		o.Hooks.Checkpointed = func(int64) {}
	}
	return o
}
