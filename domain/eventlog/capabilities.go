package eventlog

import (
	"context"
	"iter"

	"orderflow/domain"
)

// Optional capabilities of a [Store], each an interface that callers test for.
// eventlogtest has a suite for each.

// Write is the part of an append that goes to one stream.
type Write struct {
	Stream  Stream
	Version Version // where the stream is expected to be
	Events  []Pending
}

// MultiAppender appends to several streams in one transaction.
// See docs/adr/005.
type MultiAppender interface {
	// AppendTogether is [Store.Append] for several different streams: either
	// all writes are stored, or none. It answers in the order of writes. It
	// counts as a repeat only if every write is one.
	AppendTogether(ctx context.Context, writes ...Write) ([]Appended, error)
}

// CheckTogether returns Invalid for writes that no store accepts.
func CheckTogether(writes []Write) error { return ShortNames.CheckTogether(writes) }

// CheckTogether is the function of that name for a store with names of up to n bytes.
func (n NameBytes) CheckTogether(writes []Write) error {
	if len(writes) == 0 || len(writes) > MaxWrites {
		return domain.Errorf(domain.Invalid, "An append goes to 1 to %d streams, not %d.", MaxWrites, len(writes))
	}
	for i, w := range writes {
		if err := n.CheckAppend(w.Stream, w.Version, w.Events); err != nil {
			return err
		}
		for _, other := range writes[:i] {
			if other.Stream == w.Stream {
				return domain.Errorf(domain.Invalid, "%s is named twice in one append.", w.Stream)
			}
		}
	}
	return nil
}

// MaxWrites bounds the streams of one append.
const MaxWrites = 64

// ReverseReader reads from the newest event to the oldest. Events appended after
// the read began are not yielded.
type ReverseReader interface {
	// ReadBack yields the events of s below a version, the highest first.
	ReadBack(ctx context.Context, s Stream, below Version) iter.Seq2[Recorded, error]

	// ReadAllBack yields all events below a position, the highest first.
	ReadAllBack(ctx context.Context, below Position) iter.Seq2[Recorded, error]
}

// Finder finds events by their ids.
type Finder interface {
	// Find returns the newest event that was stored under an id, or ok = false.
	Find(ctx context.Context, id EventID) (r Recorded, ok bool, err error)
}

// Truncated is a stream whose store hides some of its events.
type Truncated struct {
	Stream Stream
	// How the events are hidden, as the store says it: "$maxCount 1", "$maxAge
	// 3600", "$tb 5", "deleted", "deleted for ever".
	How string
}

// MaxTruncated bounds the streams that [Truncations] lists.
const MaxTruncated = 1_000

// Truncations lists the streams whose events a store hides. It serves warnings at
// start and audits; [Store.Read] detects a hole by itself.
type Truncations interface {
	// TruncatedStreams returns the streams of some categories, or of all if none
	// is given, whose events are hidden, or will be as the stream grows: the
	// first [MaxTruncated] by name, and how many there are.
	TruncatedStreams(ctx context.Context, categories ...string) (list []Truncated, total int, err error)
}

// TruncationWatcher is a store that tells at once when events are hidden.
type TruncationWatcher interface {
	// WatchTruncated calls found for every stream of some categories whose events
	// are hidden, or are going to be as it grows, from now on; begun is called
	// first, once nothing is missed any more. It returns when ctx is done, with its
	// error, or when the store cannot tell.
	WatchTruncated(ctx context.Context, begun func(), found func(Truncated), categories ...string) error
}

// Newest is a version and a position above every other, from which to read backwards.
const (
	NewestVersion  Version  = 1<<63 - 1
	NewestPosition Position = 1<<63 - 1
)
