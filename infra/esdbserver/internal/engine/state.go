package engine

import (
	"context"
	"strings"

	"orderflow/domain/eventlog"
)

// cachedState returns the state of a stream; l is the write queue of its root.
func (e *Engine) cachedState(ctx context.Context, l *writeQueue, stream string) (streamState, error) {
	h, ok, generation := l.known(stream)
	if ok {
		return h, nil
	}
	if e.known.never(stream) {
		return streamState{last: -1}, nil
	}
	h, err := e.load(ctx, stream)
	if err == nil {
		l.cache(stream, h, generation)
	}
	return h, err
}

// load reads the state of a stream from the log.
func (e *Engine) load(ctx context.Context, stream string) (streamState, error) {
	for r, err := range e.log.ReadBack(ctx, eventlog.Stream(stream), eventlog.NewestVersion) {
		if err != nil {
			return streamState{}, err
		}
		if isTombstone(&r) {
			return streamState{last: int64(r.Version) - 2, tombstoned: true}, nil
		}
		h := streamState{last: int64(r.Version) - 1}
		if IsMetastream(stream) {
			event, err := unpack(&r)
			if err != nil {
				return streamState{}, err
			}
			m := ParseMetadata(event.Data)
			h.metadata = &m
		}
		return h, nil
	}
	return streamState{last: -1}, nil
}

// streamInfo is the state of a stream and the metadata that readers need.
type streamInfo struct {
	place
	metadata Metadata
}

// stateLookup returns the state of a stream, drafted or stored.
type stateLookup func(stream string) (streamState, error)

// streamInfoOf combines the states of a stream and its metastream.
func streamInfoOf(stream string, of stateLookup) (streamInfo, error) {
	h, err := of(stream)
	if err != nil {
		return streamInfo{}, err
	}
	s := streamInfo{place: place{last: h.last, deleted: h.tombstoned}}
	if IsMetastream(stream) { // it has no metadata of its own, shows its newest event, and ends with its stream
		s.metadata.MaxCount = 1
		s.described = true
		described := stream[len(metaPrefix):]
		if strings.HasPrefix(described, "$") { // of the system's streams it goes on
			return s, nil
		}
		base, err := of(described)
		s.deleted = s.deleted || base.tombstoned
		return s, err
	}
	m, err := of(MetastreamOf(stream))
	if err != nil {
		return streamInfo{}, err
	}
	if m.metadata != nil {
		s.metadata, s.described = *m.metadata, true
		s.gone = s.metadata.Gone()
	}
	return s, nil
}

// streamInfo returns the present state of a stream.
func (e *Engine) streamInfo(ctx context.Context, stream string) (streamInfo, error) {
	l := e.queues.enter(rootOf(stream))
	defer e.queues.leave(l)
	return streamInfoOf(stream, func(stream string) (streamState, error) { return e.cachedState(ctx, l, stream) })
}

// Newest returns the number of the last event of a stream that can be read.
// Errors: *NotFoundError, *DeletedError.
func (e *Engine) Newest(ctx context.Context, stream string) (int64, error) {
	s, err := e.readable(ctx, stream)
	return s.last, err
}

// Shown returns the numbers of the first and the last event of a stream that
// metadata lets be read; 0 and -1 if there is none.
func (e *Engine) Shown(ctx context.Context, stream string) (first, last int64, err error) {
	s, err := e.streamInfo(ctx, stream)
	if err != nil || s.deleted || s.gone || s.first() > s.last {
		return 0, -1, err
	}
	return s.first(), s.last, nil
}

// first returns the number of the first event that is shown.
func (s streamInfo) first() int64 {
	first := s.metadata.TruncateBefore
	if n := s.metadata.MaxCount; n > 0 {
		first = max(first, s.last-n+1)
	}
	return first
}

// Metadata implements API.
func (e *Engine) Metadata(ctx context.Context, stream string) (Metadata, error) {
	s, err := e.streamInfo(ctx, stream)
	return s.metadata, err
}

// LastNumber implements API.
func (e *Engine) LastNumber(ctx context.Context, stream string) (int64, error) {
	s, err := e.streamInfo(ctx, stream)
	return s.last, err
}
