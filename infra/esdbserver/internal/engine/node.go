package engine

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Limits of an engine.
const (
	// MaxAppendBytes of data are taken in one append unless Options say
	// otherwise, as EventStoreDB does by default.
	MaxAppendBytes = 1 << 20
	// MaxAppendTotalBytes bounds an append with its metadata and types, which
	// MaxAppendBytes does not count: it is one write of the log. EventStoreDB has
	// the same bound, the largest log record less 10,000 bytes.
	MaxAppendTotalBytes = 16<<20 - 10_000
	// maxGroupEvents and maxGroupBytes end a group of appends that share one
	// write of the log.
	maxGroupEvents = 4 << 10
	maxGroupBytes  = 4 << 20
	// lanesPerGeneration bounds the streams whose state is remembered: two
	// generations of it are about 25 MiB.
	lanesPerGeneration = 32 << 10
	// writeTimeout bounds the wait for the log: longer than any fsync should
	// take, shorter than what a client waits for.
	writeTimeout = 8 * time.Second
	// behindEvents is how many events at once make a live subscription one
	// that has fallen behind.
	behindEvents = 512
)

// Options of an engine. The zero value is fit for production.
type Options struct {
	// Clock says what is older than $maxAge; nil is the machine's clock.
	Clock func() time.Time
	// Logger takes what the operator must see; nil discards it.
	Logger *slog.Logger
	// MaxAppendBytes of data are taken in one append; 0 is [MaxAppendBytes].
	// More than [MaxAppendTotalBytes] is that.
	MaxAppendBytes int
	// Removed is called with the events that a scavenge has just removed, step by
	// step, and must not block; may be nil.
	Removed func(events int64)
}

// Engine is the [API] on a log. It is safe for concurrent use, and the only
// writer of its log.
type Engine struct {
	log    Log
	clock  func() time.Time
	logger *slog.Logger
	most   int // bytes of data in one append

	queues  *writeQueues
	all     *topic
	streams *topics
	known   *bloomFilter

	metadataWrites atomic.Uint64

	scavenging chan struct{} // holds one while events are removed
	removed    func(events int64)
	removedNow atomic.Int64 // events, by the scavenge under way or the last one

	closing   chan struct{}
	closeOnce sync.Once
}

var _ API = (*Engine)(nil)

// New returns an engine on log, which stays the caller's to close, after the engine.
func New(log Log, o Options) *Engine {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxAppendBytes <= 0 {
		o.MaxAppendBytes = MaxAppendBytes
	}
	e := &Engine{
		log: log, clock: o.Clock, logger: o.Logger, most: min(o.MaxAppendBytes, MaxAppendTotalBytes),
		queues: newWriteQueues(lanesPerGeneration), all: newTopic(), streams: newTopics(), known: newBloomFilter(),
		scavenging: make(chan struct{}, 1), removed: o.Removed, closing: make(chan struct{}),
	}
	e.known.fill(log)
	return e
}

// Close ends all subscriptions and takes no more appends.
func (e *Engine) Close() {
	e.closeOnce.Do(func() {
		close(e.closing)
		e.known.close()
	})
}

// MetadataWrites counts the changes of metadata and settings. A cache of rights is
// valid as long as the count is unchanged.
func (e *Engine) MetadataWrites() uint64 { return e.metadataWrites.Load() }

// End implements API.
func (e *Engine) End(ctx context.Context) (uint64, error) {
	p, err := e.log.End(ctx)
	return uint64(p), err
}

func errClosing() error {
	return domain.Errorf(domain.Unavailable, "The node is being stopped.")
}

// position turns a position of the protocol into one of the log.
func position(p uint64) eventlog.Position {
	return eventlog.Position(min(p, uint64(eventlog.NewestPosition)))
}

// version is that of the event with a number.
func version(number int64) eventlog.Version { return eventlog.Version(number + 1) }
