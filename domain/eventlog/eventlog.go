// Package eventlog is the contract of the log: an ordered, append-only record
// of what happened, read by stream, by category or from the start of time.
//
//	stream     order-ord_7…      1 placed   2 confirmed            Version, per stream
//	log        … 41 placed  42 reserved  43 …  57 confirmed        Position, over all streams
//	category   order             every event of every order-… stream, by Position
package eventlog

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"iter"
	"strings"
	"time"

	"orderflow/domain"
)

// Stream names one aggregate's events as category, dash, id: "order-ord_7…".
// 1 to [MaxStreamBytes] bytes; the category holds no dash. A name without a
// dash, as other programs use them, is all category.
type Stream string

// Limits of names.
const (
	MaxStreamBytes = int(ShortNames)
	MaxTypeBytes   = int(ShortNames)
)

// NameBytes bounds the names of streams and types that a store takes.
type NameBytes int

// The bounds there are.
const (
	// ShortNames are what every store takes: see [MaxStreamBytes] and [MaxTypeBytes].
	ShortNames NameBytes = 1_024
	// LongNames are for the log of an EventStoreDB node, whose clients choose the
	// names: 64 KiB less what makes a length fit into the two bytes it has in a key.
	LongNames NameBytes = 1<<16 - 1
)

// Limits of one append.
const (
	// MaxAppendEvents bounds the events of one append.
	MaxAppendEvents = 1 << 16
	// MaxEventBytes bounds the data of one event, as EventStoreDB does.
	MaxEventBytes = 16 << 20
	// PortableBytes of data in one append are taken by every store; one may
	// refuse more as Invalid. It is what EventStoreDB takes by default, less
	// room for metadata: an order of 2,000 lines with names of 200 bytes fits,
	// one with the longest names does not.
	PortableBytes = 1<<20 - 64<<10
)

// Category is the part of the name before the first dash.
func (s Stream) Category() string {
	category, _, _ := strings.Cut(string(s), "-")
	return category
}

// ID is the part of the name after the first dash.
func (s Stream) ID() string {
	_, id, _ := strings.Cut(string(s), "-")
	return id
}

// Version counts the events of a stream; an empty stream is at 0 and its first
// event has version 1.
type Version int64

// Position orders all events of the log. Positions strictly increase and have
// gaps: an EventStoreDB gives out byte offsets. 0 is before the first event.
//
// Only 0 and what a log gave out are positions of it: with an event, in an
// answer, as its end or as a watermark. A number beside one, such as p - 1, is
// not, and a log refuses it. So readers save, send and compare positions, and
// never compute them.
type Position int64

// EventID identifies one event for ever. It is derived from the command and
// the event's index, so that a repeated append is recognised.
type EventID [16]byte

// NewEventID derives the id of the i-th event that a command causes on a stream.
func NewEventID(commandID string, s Stream, i int) EventID {
	h := sha256.New()
	h.Write([]byte(commandID))
	h.Write([]byte{0})
	h.Write([]byte(s))
	h.Write(binary.BigEndian.AppendUint64([]byte{0}, uint64(i)))
	id := EventID(h.Sum(nil)[:16])
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // a version 8 UUID (RFC 9562): EventStoreDB wants UUIDs
	return id
}

// Recorded is an event as stored.
type Recorded struct {
	ID       EventID
	Stream   Stream
	Version  Version
	Position Position
	Type     string // with its schema's version: "order.placed.v1"
	Data     []byte // JSON; shared between readers, never to be changed
	Meta     Meta
	At       time.Time // when the store took it, UTC; of a copied event, when the first log did, see [Meta.FirstRecorded]
}

// Pending is an event not yet stored.
type Pending struct {
	ID   EventID
	Type string
	Data []byte
	Meta Meta
}

// Appended is the end of an append.
type Appended struct {
	Version  Version  // of the last event of the stream
	Position Position // of the last event appended
}

// Store keeps the log. Implementations pass eventlogtest.Run.
// See docs/adr/001.
type Store interface {
	// Append adds events to the end of s, all or none; they are durable and
	// visible to every reader when it returns nil.
	//
	// It succeeds only if s is at version; otherwise the error has kind
	// Conflict and nothing is stored. There is one exception: if the events
	// that follow version are these very events, by id and in order, they were
	// stored before and Append answers as it did then. So a caller that lost
	// the answer may repeat the call.
	//
	// Other kinds: Invalid (a limit was passed, nothing stored), ReadOnly (the
	// store takes no writes now, nothing stored), Unavailable (nothing
	// stored), Unknown (the answer was lost; repeat to find out).
	Append(ctx context.Context, s Stream, version Version, events ...Pending) (Appended, error)

	// Read yields the events of s above version in order, without a hole, and
	// then stops. An unknown stream yields nothing. If the event after version,
	// or one between two others, is missing because the stream was truncated or
	// deleted where it is kept, Read ends with kind Incomplete; see [Whole].
	Read(ctx context.Context, s Stream, above Version) iter.Seq2[Recorded, error]

	// ReadAll yields every event above a position in order, and then stops at
	// what was the end when it got there. If categories are given, it yields
	// only events of streams in them. Nothing ever appears at or below a
	// position that a reader has passed. A yielded error is the last thing.
	//
	// above may be the position of any event, of another category or of one that
	// is gone by now; the reading goes on behind it. A number up to the end that
	// is no position is refused with kind Invalid. Above the end there is nothing.
	ReadAll(ctx context.Context, above Position, categories ...string) iter.Seq2[Recorded, error]

	// Subscribe is ReadAll that goes on: at the end it waits for what comes,
	// until ctx is done, and then yields ctx's error as the last thing. It
	// holds back no writer; a slow subscriber falls behind and catches up.
	Subscribe(ctx context.Context, above Position, categories ...string) iter.Seq2[Recorded, error]
}

// EndReader returns the end of the log, for measuring lag. Every Store of this
// module implements it.
type EndReader interface {
	// End returns the position of the newest event of any kind, the store's own
	// included; 0 for a log without any. It takes the same time whatever stands
	// at the end.
	End(ctx context.Context) (Position, error)
}

// Snapshots keeps the folded state of long streams. It is a cache: losing an
// entry costs a longer read and nothing else.
type Snapshots interface {
	// LoadSnapshot returns the newest snapshot of s of the given schema, or ok = false.
	LoadSnapshot(ctx context.Context, s Stream, schema string) (at Version, state []byte, ok bool, err error)

	// SaveSnapshot replaces the snapshot of s.
	SaveSnapshot(ctx context.Context, s Stream, schema string, at Version, state []byte) error
}

// ErrConflict builds the error Append returns when version is stale.
func ErrConflict(s Stream, want, have Version) error {
	return domain.Errorf(domain.Conflict, "%s is at version %d, not %d", s, have, want)
}

// CheckAppend returns Invalid for an append that no store accepts.
func CheckAppend(s Stream, version Version, events []Pending) error {
	return ShortNames.CheckAppend(s, version, events)
}

// CheckAppend is the function of that name for a store with names of up to n bytes.
func (n NameBytes) CheckAppend(s Stream, version Version, events []Pending) error {
	switch {
	case s == "" || len(s) > int(n):
		return domain.Errorf(domain.Invalid, "%.40q is not the name of a stream; it has 1 to %d bytes.", s, n)
	case version < 0:
		return domain.Errorf(domain.Invalid, "Version %d is negative.", version)
	case len(events) == 0 || len(events) > MaxAppendEvents:
		return domain.Errorf(domain.Invalid, "An append takes 1 to %d events, not %d.", MaxAppendEvents, len(events))
	}
	for _, e := range events {
		if e.Type == "" || len(e.Type) > int(n) {
			return domain.Errorf(domain.Invalid, "%.40q is not an event type; it has 1 to %d bytes.", e.Type, n)
		}
		if len(e.Data) > MaxEventBytes {
			return domain.Errorf(domain.Invalid, "Event %s has %d bytes; at most %d are allowed.", e.Type, len(e.Data), MaxEventBytes)
		}
		if e.ID == (EventID{}) {
			return domain.Errorf(domain.Invalid, "Event %s has no id.", e.Type)
		}
	}
	return nil
}
