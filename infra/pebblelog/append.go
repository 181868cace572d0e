package pebblelog

import (
	"context"
	"hash/crc32"
	"sync/atomic"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// request is one append in progress. The goroutine that moves waiting to another value
// owns its fate: the writer that takes it, or the caller that gives it up.
type request struct {
	parts []part // one for each stream
	bytes int

	waiting atomic.Bool
	done    chan struct{} // closed when answers and err stand
	answers []eventlog.Appended
	err     error
}

// part is a request's events for one stream.
type part struct {
	stream  eventlog.Stream
	version eventlog.Version
	hint    hint
	events  []eventlog.Recorded // without position and time until they are given
	bodies  []body
}

// take claims the request; false means that the other side was first.
func (r *request) take() bool { return r.waiting.CompareAndSwap(true, false) }

// encodeRequest copies the events, so that nothing is shared with the caller.
func encodeRequest(writes []eventlog.Write) *request {
	r := &request{parts: make([]part, len(writes)), answers: make([]eventlog.Appended, len(writes)), done: make(chan struct{})}
	r.waiting.Store(true)
	for i, w := range writes {
		r.bytes += r.parts[i].encode(w)
	}
	return r
}

// encode fills p in and returns its size in bytes.
func (p *part) encode(w eventlog.Write) (bytes int) {
	*p = part{
		stream: w.Stream, version: w.Version,
		events: make([]eventlog.Recorded, len(w.Events)),
		bodies: make([]body, len(w.Events)),
	}
	for i, e := range w.Events {
		p.events[i] = eventlog.Recorded{
			ID: e.ID, Stream: w.Stream, Version: w.Version + eventlog.Version(i) + 1, Type: e.Type, Data: e.Data, Meta: e.Meta,
		}
		bytes += bodyBytes(&p.events[i])
	}
	buffer := make([]byte, 0, bytes)
	for i := range p.events {
		e, from := &p.events[i], len(buffer)
		buffer = appendBody(buffer, e)
		encoded := buffer[from:len(buffer):len(buffer)]
		p.bodies[i] = body{formOf(e), encoded, crc32.Checksum(encoded, castagnoli())}
		e.Data = encoded[len(encoded)-len(e.Data):] // our copy, for the readers of the tail
	}
	return bytes
}

// Append implements eventlog.Store.
func (l *Log) Append(ctx context.Context, s eventlog.Stream, version eventlog.Version, events ...eventlog.Pending) (eventlog.Appended, error) {
	answers, err := l.AppendTogether(ctx, eventlog.Write{Stream: s, Version: version, Events: events})
	if err != nil {
		return eventlog.Appended{}, err
	}
	return answers[0], nil
}

// AppendTogether implements eventlog.MultiAppender.
func (l *Log) AppendTogether(ctx context.Context, writes ...eventlog.Write) ([]eventlog.Appended, error) {
	if err := l.opts.names().CheckTogether(writes); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, domain.Wrap(domain.Unavailable, err, "The append was given up before it began")
	}
	if err := l.writable(); err != nil {
		return nil, err
	}
	r := encodeRequest(writes)
	if r.bytes > maxAppendBytes {
		return nil, domain.Errorf(domain.Invalid, "An append of %d bytes; at most %d are taken at once.", r.bytes, maxAppendBytes)
	}
	for i := range r.parts {
		p := &r.parts[i]
		var err error
		if p.hint, err = l.lookUp(p.stream, p.version); err != nil {
			return nil, err
		}
	}
	select {
	case l.queue <- r:
	case <-ctx.Done():
		return nil, domain.Wrap(domain.Unavailable, ctx.Err(), "The log was too busy to take the append in time; nothing was stored")
	case <-l.closing:
		return nil, errClosed()
	case <-l.failed:
		return nil, l.failure()
	}
	return l.await(ctx, r)
}

// await waits for the answer, or for a reason not to get one.
func (l *Log) await(ctx context.Context, r *request) ([]eventlog.Appended, error) {
	select {
	case <-r.done:
		return r.answers, r.err
	case <-ctx.Done():
		if r.take() {
			return nil, domain.Wrap(domain.Unavailable, ctx.Err(), "The append was given up while it waited; nothing was stored")
		}
		return nil, domain.Wrap(domain.Unknown, ctx.Err(), "The append was given up while it was being stored; repeat it to find out")
	case <-l.failed:
		return nil, l.lost(r)
	case <-l.stopped:
		select {
		case <-r.done:
			return r.answers, r.err
		default:
		}
		if l.hasFailed() { // which is why the writer ended
			return nil, l.lost(r)
		}
		return nil, errClosed() // the writer ended without taking it
	}
}

// lost is the error for an append that waited when the disk failed.
func (l *Log) lost(r *request) error {
	if r.take() {
		return l.failure()
	}
	return domain.Wrap(domain.Unknown, l.failure(), "The disk failed while the append was being stored; repeat it after a restart to find out")
}

func errClosed() error {
	return domain.Errorf(domain.Unavailable, "The log is closed.")
}
