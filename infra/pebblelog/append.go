package pebblelog

import (
	"context"
	"hash/crc32"
	"sync/atomic"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// request is one append on its way. Whoever moves waiting to another value
// owns its fate: the writer that takes it, or the caller that gives it up.
type request struct {
	stream  eventlog.Stream
	version eventlog.Version
	hint    hint
	events  []eventlog.Recorded // without position and time until they are given
	bodies  []body
	bytes   int

	waiting atomic.Bool
	done    chan struct{} // closed when answer and err stand
	answer  eventlog.Appended
	err     error
}

// take claims the request; false means that the other side was first.
func (r *request) take() bool { return r.waiting.CompareAndSwap(true, false) }

// encodeRequest copies the events, so that nothing is shared with the caller.
func encodeRequest(s eventlog.Stream, version eventlog.Version, events []eventlog.Pending) *request {
	r := &request{
		stream: s, version: version, done: make(chan struct{}),
		events: make([]eventlog.Recorded, len(events)),
		bodies: make([]body, len(events)),
	}
	r.waiting.Store(true)
	for i, e := range events {
		r.events[i] = eventlog.Recorded{
			ID: e.ID, Stream: s, Version: version + eventlog.Version(i) + 1, Type: e.Type, Data: e.Data, Meta: e.Meta,
		}
		r.bytes += bodyBytes(&r.events[i])
	}
	buffer := make([]byte, 0, r.bytes)
	for i := range r.events {
		e, from := &r.events[i], len(buffer)
		buffer = appendBody(buffer, e)
		encoded := buffer[from:len(buffer):len(buffer)]
		r.bodies[i] = body{encoded, crc32.Checksum(encoded, castagnoli())}
		e.Data = encoded[len(encoded)-len(e.Data):] // our copy, for the readers of the tail
	}
	return r
}

// Append implements eventlog.Store.
func (l *Log) Append(ctx context.Context, s eventlog.Stream, version eventlog.Version, events ...eventlog.Pending) (eventlog.Appended, error) {
	if err := eventlog.CheckAppend(s, version, events); err != nil {
		return eventlog.Appended{}, err
	}
	if err := ctx.Err(); err != nil {
		return eventlog.Appended{}, domain.Wrap(domain.Unavailable, err, "The append was given up before it began.")
	}
	if err := l.writable(); err != nil {
		return eventlog.Appended{}, err
	}
	r := encodeRequest(s, version, events)
	if r.bytes > maxAppendBytes {
		return eventlog.Appended{}, domain.Errorf(domain.Invalid, "An append of %d bytes; at most %d are taken at once.", r.bytes, maxAppendBytes)
	}
	var err error
	if r.hint, err = l.lookUp(s, version); err != nil {
		return eventlog.Appended{}, err
	}
	select {
	case l.queue <- r:
	case <-ctx.Done():
		return eventlog.Appended{}, domain.Wrap(domain.Unavailable, ctx.Err(), "The log was too busy to take the append in time; nothing was stored.")
	case <-l.closing:
		return eventlog.Appended{}, errClosed()
	case <-l.failed:
		return eventlog.Appended{}, l.failure()
	}
	return l.await(ctx, r)
}

// await waits for the answer, or for a reason not to get one.
func (l *Log) await(ctx context.Context, r *request) (eventlog.Appended, error) {
	select {
	case <-r.done:
		return r.answer, r.err
	case <-ctx.Done():
		if r.take() {
			return eventlog.Appended{}, domain.Wrap(domain.Unavailable, ctx.Err(), "The append was given up while it waited; nothing was stored.")
		}
		return eventlog.Appended{}, domain.Wrap(domain.Unknown, ctx.Err(), "The append was given up while it was being stored; repeat it to find out.")
	case <-l.failed:
		return eventlog.Appended{}, l.lost(r)
	case <-l.stopped:
		select {
		case <-r.done:
			return r.answer, r.err
		default:
		}
		if l.hasFailed() { // which is why the writer ended
			return eventlog.Appended{}, l.lost(r)
		}
		return eventlog.Appended{}, errClosed() // the writer ended without taking it
	}
}

// lost is what an append is told that waited when the disk failed.
func (l *Log) lost(r *request) error {
	if r.take() {
		return l.failure()
	}
	return domain.Wrap(domain.Unknown, l.failure(), "The disk failed while the append was being stored; repeat it after a restart to find out.")
}

func errClosed() error {
	return domain.Errorf(domain.Unavailable, "The log is closed.")
}
