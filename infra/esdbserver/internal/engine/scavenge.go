package engine

import (
	"cmp"
	"context"
	"iter"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// scavengeStep bounds the events that are removed before it is asked again what
// is hidden: metadata may have changed, and a client may have ended it.
const scavengeStep = 1_024

// Scavenged is the result of a scavenge so far.
type Scavenged struct {
	Streams int64 // that have metadata or were deleted; a stream and its metastream count as one
	Events  int64 // removed
	Before  int64 // bytes of the log
	After   int64 // also if it did not come to its end; 0 if that cannot be told
}

// Saved returns the bytes that were given back; see [SavedBytes].
func (s Scavenged) Saved() int64 { return SavedBytes(s.Before, s.After) }

// SavedBytes returns the bytes by which a log became smaller; 0 if it grew, or if
// one of its sizes is not known, which is 0.
func SavedBytes(before, after int64) int64 {
	if before == 0 || after == 0 {
		return 0
	}
	return max(before-after, 0)
}

// Bytes returns the size of the log; Unavailable from one that cannot remove events.
func (e *Engine) Bytes(ctx context.Context) (int64, error) {
	log, ok := e.log.(eventlog.Scavenging)
	if !ok {
		return 0, domain.Errorf(domain.Unavailable, "The log of this node cannot tell its size.")
	}
	return log.Bytes(ctx)
}

// Removed returns how many events the scavenge removed that is under way, or the last one.
func (e *Engine) Removed() int64 { return e.removedNow.Load() }

// CanScavenge reports whether the log can remove events.
func (e *Engine) CanScavenge() bool {
	_, ok := e.log.(eventlog.Scavenging)
	return ok
}

// Scavenge removes for good what no reader is shown any more: events before
// $tb, beyond $maxCount, older than $maxAge, and those of deleted streams; the
// last event of a stream stays, since it says where the stream goes on. Then it
// gives their space back. Reads, appends and subscriptions go on. After a crash,
// or when ctx is done or the engine is closed, what was removed stays removed,
// and the next scavenge does the rest; s says what was done. One waits for
// another. Without a log that can remove events it is Unavailable.
func (e *Engine) Scavenge(ctx context.Context) (s Scavenged, err error) {
	log, ok := e.log.(eventlog.Scavenging)
	if !ok {
		return s, domain.Errorf(domain.Unavailable, "The log of this node cannot remove events.")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-e.closing:
			cancel()
		case <-stop:
		}
	}()
	select {
	case e.scavenging <- struct{}{}:
		defer func() { <-e.scavenging }()
	case <-ctx.Done():
		return s, ctx.Err()
	}
	e.removedNow.Store(0)
	if s.Before, err = log.Bytes(ctx); err != nil {
		return s, err
	}
	err = e.removeAndGiveBack(ctx, log, &s)
	after, unknown := log.Bytes(context.WithoutCancel(ctx)) // of one that was stopped too
	if unknown == nil {
		s.After = after
	}
	return s, cmp.Or(err, unknown)
}

// removeAndGiveBack is the work of a scavenge; s is what is done so far.
func (e *Engine) removeAndGiveBack(ctx context.Context, log eventlog.Scavenging, s *Scavenged) error {
	if err := e.removeAllHidden(ctx, log, s); err != nil {
		return err
	}
	owed, err := e.owes(ctx, s.Events)
	if err != nil || !owed {
		return err
	}
	e.logger.Debug("a scavenge gives space back", "events", s.Events)
	return log.GiveBack(ctx)
}

// owes reports whether space is to be given back: of what was removed now, or of
// what a scavenge removed that was interrupted afterwards.
func (e *Engine) owes(ctx context.Context, removed int64) (bool, error) {
	log, ok := e.log.(eventlog.Owing)
	if !ok || removed > 0 {
		return removed > 0, nil
	}
	return log.Owes(ctx)
}

// removeAllHidden looks for what hides events: metadata and tombstones.
func (e *Engine) removeAllHidden(ctx context.Context, log eventlog.Scavenging, s *Scavenged) error {
	for r, err := range e.log.ReadAll(ctx, 0) {
		if err != nil {
			return err
		}
		stream := string(r.Stream)
		ends := isTombstone(&r)
		if !ends && !IsMetastream(stream) {
			continue
		}
		if !ends { // only the newest metadata counts
			h, err := e.streamInfo(ctx, stream)
			if err != nil {
				return err
			}
			if h.last > int64(r.Version)-1 {
				continue
			}
		}
		root := rootOf(stream)
		for _, name := range []string{root, MetastreamOf(root), stream} {
			n, err := e.removeHidden(ctx, log, name)
			s.Events += n
			if err != nil {
				return err
			}
		}
		s.Streams++
	}
	return nil
}

// removeHidden removes the events of a stream that are not shown, step by step.
func (e *Engine) removeHidden(ctx context.Context, log eventlog.Scavenging, stream string) (removed int64, err error) {
	for {
		s, err := e.streamInfo(ctx, stream)
		if err != nil || s.last < 0 {
			return removed, err
		}
		first := s.first()
		switch {
		case s.deleted:
			first = s.last + 1 // the tombstone is behind the last event
		case s.gone:
			first = s.last
		default:
			if first, err = e.skipOld(ctx, stream, max(first, 0), s.last, e.oldest(s.metadata)); err != nil {
				return removed, err
			}
		}
		from, err := log.FirstVersion(ctx, eventlog.Stream(stream))
		if err != nil {
			return removed, err
		}
		if version(first) <= from {
			return removed, nil
		}
		n, err := log.RemoveBelow(ctx, eventlog.Stream(stream), min(version(first), from+scavengeStep))
		removed += n
		e.tellRemoved(stream, n)
		if err != nil || n == 0 {
			return removed, err
		}
	}
}

// tellRemoved reports one step.
func (e *Engine) tellRemoved(stream string, events int64) {
	if events == 0 {
		return
	}
	e.removedNow.Add(events)
	if e.removed != nil {
		e.removed(events)
	}
	e.logger.Debug("a scavenge removed events", "stream", stream, "events", events)
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
