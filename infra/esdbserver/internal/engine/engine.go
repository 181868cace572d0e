// Package engine is what an EventStoreDB node does, without its wire: numbers,
// expectations, idempotency, metadata, deletion, links, reads and catch-up
// subscriptions, on any log that has the capabilities it needs.
//
// # How it is stored
//
// An event of the node is an event of the log. Number n of a stream is version
// n+1, the position of both is the same. Data that is JSON, under metadata that
// is exactly the form of eventlog.Meta, is stored as the system's own events
// are, so that a log may change hands between a node and an application that
// opens it directly. Anything else goes into an envelope, which JSON can never
// be mistaken for:
//
//	 0    1        2
//	┌────┬────────┬──────────────────┬──────────┬──────┐
//	│ 00 │ form 1 │ flags: 1 = JSON  │ metadata │ data │     the length of metadata is a uvarint
//	└────┴────────┴──────────────────┴──────────┴──────┘
//
// The node is the log's only writer, so what it has in memory is the truth.
package engine

import (
	"context"
	"iter"
	"math"
	"time"

	"orderflow/domain/eventlog"
)

// Log is the event log of a node. Its positions are 1, 2, 3 and so on,
// so that every number up to the end is one; that is all the node demands beyond
// the contracts of eventlog. Clients see other positions.
type Log interface {
	eventlog.Store
	eventlog.EndReader
	eventlog.MultiAppender
	eventlog.ReverseReader
	eventlog.Finder
}

// Event is an event as clients see it.
type Event struct {
	ID       eventlog.EventID
	Stream   string
	Number   int64  // from 0; [DeletedNumber] for a tombstone
	Position uint64 // in the log; clients see another one
	Type     string
	JSON     bool
	Data     []byte // shared between readers, never to be changed
	Metadata []byte // as above
	Created  time.Time
}

// DeletedNumber is the number of the event that ends a stream for ever.
const DeletedNumber int64 = math.MaxInt64

// Resolved is one result of a reading: an event, and the link that led to it if
// there was one. Event is nil if the link leads nowhere.
type Resolved struct {
	Event *Event
	Link  *Event
}

// Original returns what positions, numbers and acknowledgements are about.
func (r Resolved) Original() *Event {
	if r.Link != nil {
		return r.Link
	}
	return r.Event
}

// Proposed is an event that a client wants stored.
type Proposed struct {
	ID       eventlog.EventID
	Type     string
	JSON     bool
	Data     []byte
	Metadata []byte
}

// Expected is the version that a writer expects of a stream: a number, or one of these.
type Expected int64

// The expectations that are not numbers, with the numbers that the protocol gives them.
const (
	NoStream     Expected = -1
	Any          Expected = -2
	StreamExists Expected = -4
)

// Write is an append to one stream.
type Write struct {
	Stream   string
	Expected Expected
	Events   []Proposed
}

// Written is the end of an append.
type Written struct {
	Number      int64  // of the last event of the append; -1 in a stream that stays empty
	Position    uint64 // of that event
	HasPosition bool
}

// Span selects the events to read of a stream or of all.
type Span struct {
	Backwards    bool
	Max          uint64 // events at most
	ResolveLinks bool
}

// Message is one thing a subscription yields; exactly one of its parts is set.
type Message struct {
	Resolved   *Resolved
	CaughtUp   bool
	Checkpoint uint64 // everything that matches up to this position was yielded
}

// Filter reports whether a subscriber wants an event; nil wants all.
type Filter func(*Event) bool

// Checkpoints says how often a filtered subscription tells how far it is: after
// that many events considered, and when it has caught up. 0 is never.
type Checkpoints struct{ Every uint64 }

// API is the interface between the services of a node and its engine.
// All errors that a client can cause are those of errors.go.
type API interface {
	// Append stores events at the end of a stream, all or none, by the rules of
	// idempotency that EventStoreDB has. No events at all is an append too.
	Append(ctx context.Context, w Write) (Written, error)

	// AppendTogether is Append to several different streams, all or none.
	AppendTogether(ctx context.Context, writes ...Write) ([]Written, error)

	// Delete hides all events of a stream; it begins again with the next append.
	Delete(ctx context.Context, stream string, expected Expected) (Written, error)

	// Tombstone ends a stream for ever.
	Tombstone(ctx context.Context, stream string, expected Expected) (Written, error)

	// ReadStream yields events of a stream from a number on, itself included.
	// [NewestNumber] is the last one. Errors: *NotFoundError, *DeletedError.
	ReadStream(ctx context.Context, stream string, from int64, span Span) iter.Seq2[Resolved, error]

	// ReadAll yields events from a position on: at or after it forwards, before
	// it backwards. [NewestPosition] is behind the last one.
	ReadAll(ctx context.Context, from uint64, span Span, filter Filter) iter.Seq2[Resolved, error]

	// SubscribeStream yields the events of a stream after a number (-1 is from
	// the first, [NewestNumber] only new ones), those to come as well. It ends
	// with *DeletedError when the stream is tombstoned, else with ctx's error.
	SubscribeStream(ctx context.Context, stream string, after int64, resolve bool) iter.Seq2[Message, error]

	// SubscribeAll yields the events after a position that the filter wants, those to come as well.
	SubscribeAll(ctx context.Context, after uint64, resolve bool, filter Filter, c Checkpoints) iter.Seq2[Message, error]

	// Metadata returns what is set for a stream now.
	Metadata(ctx context.Context, stream string) (Metadata, error)

	// LastNumber returns the number of the last event of a stream, deleted or
	// not; -1 if there never was one.
	LastNumber(ctx context.Context, stream string) (int64, error)

	// End returns the position of the last event of the log.
	End(ctx context.Context) (uint64, error)
}

// NewestNumber and NewestPosition are beyond everything.
const (
	NewestNumber   int64  = math.MaxInt64 - 1
	NewestPosition uint64 = math.MaxUint64
)

// Metadata is the content of a metastream. A field that is not set is
// zero; values that make no sense count as not set.
type Metadata struct {
	MaxCount       int64
	MaxAge         time.Duration
	TruncateBefore int64 // the first number that is shown
	ACL            *ACL  // nil: the default of the system
	Raw            []byte
}

// Gone reports whether the stream was deleted and not begun again.
func (m Metadata) Gone() bool { return m.TruncateBefore == DeletedNumber }

// ACL lists who may do what: names of users and of groups, "$all" for everybody.
type ACL struct {
	Read, Write, Delete, MetaRead, MetaWrite []string
}
