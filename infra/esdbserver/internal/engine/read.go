package engine

import (
	"context"
	"iter"
	"strings"
	"time"

	"orderflow/domain/eventlog"
)

// ReadStream implements API.
func (e *Engine) ReadStream(ctx context.Context, stream string, from int64, span Span) iter.Seq2[Resolved, error] {
	return func(yield func(Resolved, error) bool) {
		s, err := e.readable(ctx, stream)
		if err != nil {
			yield(Resolved{}, err)
			return
		}
		first, oldest := s.first(), e.oldest(s.metadata)
		if span.Max == 0 {
			return
		}
		var events iter.Seq2[eventlog.Recorded, error]
		if span.Backwards {
			from = min(from, s.last)
			events = e.log.ReadBack(ctx, eventlog.Stream(stream), version(from)+1)
		} else {
			if first, err = e.skipOld(ctx, stream, max(from, first), s.last, oldest); err != nil {
				yield(Resolved{}, err)
				return
			}
			from = max(from, first)
			if from > s.last {
				return
			}
			events = e.readStored(ctx, stream, version(from)-1)
		}
		left := span.Max
		for r, err := range events {
			if err != nil {
				yield(Resolved{}, err)
				return
			}
			if isTombstone(&r) {
				return
			}
			if r.Version < version(first) || r.At.Before(oldest) {
				if span.Backwards {
					return // what comes is older
				}
				continue
			}
			resolved, err := e.resolved(ctx, &r, span.ResolveLinks)
			if !yield(resolved, err) || err != nil {
				return
			}
			if left--; left == 0 {
				return
			}
		}
	}
}

// readable returns where a stream is that has something to read, or once had.
func (e *Engine) readable(ctx context.Context, stream string) (streamInfo, error) {
	s, err := e.streamInfo(ctx, stream)
	switch {
	case err != nil:
		return s, err
	case s.deleted:
		return s, &DeletedError{Stream: stream}
	case s.last < 0 || s.gone:
		return s, &NotFoundError{Stream: stream}
	}
	return s, nil
}

// oldest returns the time before which events are not shown.
func (e *Engine) oldest(m Metadata) (t time.Time) {
	if m.MaxAge > 0 {
		t = e.clock().Add(-m.MaxAge)
	}
	return t
}

// skipOld returns a number up to which all events are older than a time, so that
// a long stream of which little is left is not read through. It halves: events
// are stored in the order of their times.
func (e *Engine) skipOld(ctx context.Context, stream string, from, to int64, oldest time.Time) (int64, error) {
	const few = 64 // events, that are read faster than looked for
	for !oldest.IsZero() && to-from > few {
		middle := from + (to-from)/2
		old := false
		for r, err := range e.readStored(ctx, stream, version(middle)-1) {
			if err != nil {
				return 0, err
			}
			old = r.At.Before(oldest)
			break
		}
		if old {
			from = middle + 1
		} else {
			to = middle
		}
	}
	return from, nil
}

// ReadAll implements API.
func (e *Engine) ReadAll(ctx context.Context, from uint64, span Span, filter Filter) iter.Seq2[Resolved, error] {
	return func(yield func(Resolved, error) bool) {
		if span.Max == 0 {
			return
		}
		var events iter.Seq2[eventlog.Recorded, error]
		if span.Backwards {
			events = e.log.ReadAllBack(ctx, position(from))
		} else {
			events = e.log.ReadAll(ctx, position(max(from, 1)-1))
		}
		left := span.Max
		for r, err := range events {
			if err != nil {
				yield(Resolved{}, err)
				return
			}
			event, err := wanted(&r, filter)
			if err == nil && event == nil {
				continue
			}
			resolved := Resolved{Event: event}
			if err == nil {
				resolved, err = e.resolve(ctx, event, span.ResolveLinks)
			}
			if !yield(resolved, err) || err != nil {
				return
			}
			if left--; left == 0 {
				return
			}
		}
	}
}

// wanted unpacks an event of the log if a reader of all of it wants it.
func wanted(r *eventlog.Recorded, filter Filter) (*Event, error) {
	if hidden(string(r.Stream)) {
		return nil, nil
	}
	event, err := unpack(r)
	if err != nil || filter != nil && !filter(event) {
		return nil, err
	}
	return event, nil
}

// hidden reports whether readers of all never see a stream: what groups that follow
// all note about themselves, or following would never end.
func hidden(stream string) bool {
	const groups = "$persistentsubscription-$all::"
	return strings.HasPrefix(stream, groups) && (strings.HasSuffix(stream, "-checkpoint") || strings.HasSuffix(stream, "-parked"))
}
