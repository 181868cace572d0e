package engine

import (
	"context"
	"iter"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Scavenged is what a scavenge did.
type Scavenged struct {
	Streams int64 // that have metadata or were deleted
	Events  int64 // removed
	Before  int64 // bytes of the log
	After   int64
}

// Scavenge removes for good what no reader is shown any more: events before
// $tb, beyond $maxCount, older than $maxAge, and those of deleted streams; the
// last event of a stream stays, since it says where the stream goes on. Then it
// gives their space back. Reads, appends and subscriptions go on. After a crash,
// or when ctx is done, what was removed stays removed, and the next scavenge
// does the rest. Without a log that can remove events it is Unavailable.
func (e *Engine) Scavenge(ctx context.Context) (s Scavenged, err error) {
	log, ok := e.log.(eventlog.Scavenging)
	if !ok {
		return s, domain.Errorf(domain.Unavailable, "The log of this node cannot remove events.")
	}
	if s.Before, err = log.Bytes(ctx); err != nil {
		return s, err
	}
	for r, err := range e.log.ReadAll(ctx, 0) {
		if err != nil {
			return s, err
		}
		if !IsMetastream(string(r.Stream)) {
			continue
		}
		for _, stream := range []string{string(r.Stream), rootOf(string(r.Stream))} {
			n, err := e.removeHidden(ctx, log, stream)
			s.Events += n
			if err != nil {
				return s, err
			}
		}
		s.Streams++
	}
	if s.Events > 0 {
		if err := log.GiveBack(ctx); err != nil {
			return s, err
		}
	}
	s.After, err = log.Bytes(ctx)
	return s, err
}

// removeHidden removes the events of a stream that are not shown.
func (e *Engine) removeHidden(ctx context.Context, log eventlog.Scavenging, stream string) (int64, error) {
	s, err := e.stand(ctx, stream)
	if err != nil || s.last < 0 {
		return 0, err
	}
	first := s.first()
	switch {
	case s.deleted:
		first = s.last + 1 // the tombstone is behind the last event
	case s.gone:
		first = s.last
	default:
		if first, err = e.skipOld(ctx, stream, max(first, 0), s.last, e.oldest(s.metadata)); err != nil {
			return 0, err
		}
	}
	return log.RemoveBelow(ctx, eventlog.Stream(stream), version(first))
}

// readStored reads the events of a stream above a version, from the first one on
// that was not removed.
func (e *Engine) readStored(ctx context.Context, stream string, above eventlog.Version) iter.Seq2[eventlog.Recorded, error] {
	log, ok := e.log.(eventlog.Scavenging)
	if !ok {
		return e.log.Read(ctx, eventlog.Stream(stream), above)
	}
	return func(yield func(eventlog.Recorded, error) bool) {
		for at := above; ; { // once more whenever a scavenge removes what comes next
			first, err := log.FirstVersion(ctx, eventlog.Stream(stream))
			if err != nil {
				yield(eventlog.Recorded{}, err)
				return
			}
			at = max(at, first-1)
			again := false
			for r, err := range e.log.Read(ctx, eventlog.Stream(stream), at) {
				if again = domain.KindOf(err) == domain.Incomplete && err != nil; again {
					break
				}
				if at = r.Version; !yield(r, err) {
					return
				}
			}
			if !again {
				return
			}
		}
	}
}
