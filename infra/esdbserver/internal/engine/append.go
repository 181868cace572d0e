package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync/atomic"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// kind is the kind of a request.
type kind uint8

const (
	kindAppend kind = iota
	kindDelete
	kindTombstone
)

// request is one write in progress. The goroutine that moves waiting to false
// decides it: the leader of the write queue, or the caller that gives it up.
type request struct {
	kind   kind
	write  Write
	packed []eventlog.Pending
	ids    []eventlog.EventID
	bytes  int

	waiting atomic.Bool
	done    chan struct{} // closed when written and err are set

	at       spot // of the last event
	unplaced bool // it is answered without a position
	onDraft  bool // it was checked against drafts of others, and fails with them
	written  Written
	err      error
}

func (r *request) take() bool { return r.waiting.CompareAndSwap(true, false) }

// newRequest checks and packs a write, without holding a write queue.
func (e *Engine) newRequest(k kind, w Write) (*request, error) {
	r := &request{kind: k, write: w, done: make(chan struct{})}
	r.waiting.Store(true)
	if k != kindAppend {
		r.ids = []eventlog.EventID{newID()} // a fresh one: it repeats nothing
		return r, nil
	}
	data := 0
	r.packed = make([]eventlog.Pending, len(w.Events))
	r.ids = make([]eventlog.EventID, len(w.Events))
	for i := range w.Events {
		event := &w.Events[i]
		data += len(event.Data)
		r.bytes += len(event.Data) + len(event.Metadata) + len(event.Type)
		r.ids[i] = event.ID
	}
	if err := e.CheckSize(data, r.bytes, len(w.Events)); err != nil {
		return nil, err
	}
	for i := range w.Events {
		r.packed[i] = pack(&w.Events[i])
	}
	return r, nil
}

// CheckSize refuses an append that is larger than a node takes: by the bytes of
// its data, by those of data, metadata and types, or by its events.
func (e *Engine) CheckSize(data, total, events int) error {
	switch {
	case data > e.most:
		return &TooLargeError{e.most}
	case total > MaxAppendTotalBytes:
		return &TooLargeError{MaxAppendTotalBytes}
	case events > eventlog.MaxAppendEvents:
		return domain.Errorf(domain.Invalid, "An append takes at most %d events.", eventlog.MaxAppendEvents)
	}
	return nil
}

// newID makes a version 4 UUID.
func newID() (id eventlog.EventID) {
	_, _ = rand.Read(id[:]) // never fails
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return id
}

// Append implements API.
func (e *Engine) Append(ctx context.Context, w Write) (Written, error) {
	return e.write(ctx, kindAppend, w)
}

// Delete implements API.
func (e *Engine) Delete(ctx context.Context, stream string, expected Expected) (Written, error) {
	return e.write(ctx, kindDelete, Write{Stream: stream, Expected: expected})
}

// Tombstone implements API.
func (e *Engine) Tombstone(ctx context.Context, stream string, expected Expected) (Written, error) {
	return e.write(ctx, kindTombstone, Write{Stream: stream, Expected: expected})
}

// write queues a request up and waits for it.
func (e *Engine) write(ctx context.Context, k kind, w Write) (Written, error) {
	await, err := e.submit(k, w)
	if err != nil {
		return Written{}, err
	}
	return await(ctx)
}

// Submit is [Engine.Append] in two steps: what is submitted to a stream by one
// goroutine is stored in that order. await waits for the answer and must be
// called once.
func (e *Engine) Submit(w Write) (await func(context.Context) (Written, error), err error) {
	return e.submit(kindAppend, w)
}

func (e *Engine) submit(k kind, w Write) (await func(context.Context) (Written, error), err error) {
	r, err := e.newRequest(k, w)
	if err != nil {
		return nil, err
	}
	l := e.queues.enter(rootOf(w.Stream))
	l.enqueue(r)
	return func(ctx context.Context) (Written, error) {
		defer e.queues.leave(l)
		return e.await(ctx, l, r)
	}, nil
}

// await returns when r is decided; it leads the write queue if no other goroutine does.
func (e *Engine) await(ctx context.Context, l *writeQueue, r *request) (Written, error) {
	select {
	case l.hold <- struct{}{}:
		e.lead(ctx, l)
		<-l.hold
	case <-r.done:
	case <-ctx.Done():
		if r.take() {
			return Written{}, domain.Wrap(domain.Unavailable, ctx.Err(), "The append was given up while it waited; nothing was stored")
		}
		return Written{}, domain.Wrap(domain.Unknown, ctx.Err(), "The append was given up while it was being stored; repeat it to find out")
	case <-e.closing:
		if r.take() {
			return Written{}, errClosing()
		}
		<-r.done // bounded by writeTimeout
	}
	return r.written, r.err
}

// lead decides all requests of a write queue that it holds.
func (e *Engine) lead(ctx context.Context, l *writeQueue) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout) // other requests depend on it
	defer cancel()
	for left := l.takeAll(); len(left) > 0; {
		d := e.newDraft(ctx, l)
		n := 0
		for ; n < len(left) && d.events < maxGroupEvents && d.bytes < maxGroupBytes; n++ {
			if r := left[n]; r.take() {
				r.onDraft = len(d.writes) > 0
				r.err = d.decide(r)
			} else {
				left[n] = nil
			}
		}
		err := d.commit()
		for _, r := range left[:n] {
			if r != nil {
				d.answer(r, err)
				close(r.done)
			}
		}
		left = left[n:]
	}
}

// answer sets the result of r: the positions of its events, or the error.
func (d *draft) answer(r *request, failed error) {
	switch {
	case failed != nil && (r.onDraft || r.err == nil && d.writeTo(r.at.stream) >= 0):
		r.err = failed
	case r.err == nil && r.unplaced:
	case r.err == nil && r.at.stream == "": // no events
		r.written.Position, r.err = d.engine.End(d.ctx)
		r.written.HasPosition = true
	case r.err == nil:
		r.written.Position, r.err = d.position(r.at)
		r.written.HasPosition = true
	}
	if r.err != nil {
		r.written = Written{}
	}
}

// decide judges a request and drafts what it adds.
func (d *draft) decide(r *request) error {
	stream, expected := r.write.Stream, r.write.Expected
	s, err := streamInfoOf(stream, d.head)
	if err != nil {
		return err
	}
	if r.kind == kindDelete && s.last < 0 && !s.described && !s.deleted {
		return &WrongExpectedError{Stream: stream, Expected: expected, Actual: -1}
	}
	v, end, err := checkExpected(s.place, stream, expected, r.ids, d)
	switch {
	case err != nil:
		return err
	case v == ended:
		return &DeletedError{Stream: stream}
	case v == wrong:
		return &WrongExpectedError{Stream: stream, Expected: expected, Actual: s.last}
	case v == repeated:
		if expected == Any && r.kind == kindAppend && !distinct(r.ids) {
			return d.firstTime(r, stream, end)
		}
		r.at, r.written.Number = spot{stream, end}, end
		return nil
	}
	switch r.kind {
	case kindDelete:
		return d.delete(r, s)
	case kindTombstone:
		d.tombstone(r)
		return nil
	default:
		return d.append(r, s)
	}
}

// firstTime answers a repeat in which an id stands twice as EventStoreDB does:
// with the number of its first occurrence in the stored append, and no position.
func (d *draft) firstTime(r *request, stream string, end int64) error {
	from := max(end-int64(len(r.ids))+1, 0)
	stored, err := d.ids(stream, from, len(r.ids))
	r.written.Number, r.unplaced = from+int64(max(slices.Index(stored, r.ids[len(r.ids)-1]), 0)), true
	return err
}

func distinct(ids []eventlog.EventID) bool {
	seen := make(map[eventlog.EventID]struct{}, len(ids))
	for _, id := range ids {
		seen[id] = struct{}{}
	}
	return len(seen) == len(ids)
}

func (d *draft) append(r *request, s streamInfo) error {
	stream := r.write.Stream
	r.written.Number = s.last + int64(len(r.packed))
	if len(r.packed) == 0 {
		return nil
	}
	var base streamInfo
	if IsMetastream(stream) {
		var err error
		if base, err = streamInfoOf(stream[len(metaPrefix):], d.head); err != nil {
			return err
		}
	}
	d.add(stream, r.packed...)
	r.at = spot{stream, r.written.Number}
	switch {
	case s.gone: // it begins again, after what was deleted
		return d.rewrite(MetastreamOf(stream), withTruncateBefore(s.metadata.Raw, s.last+1))
	case IsMetastream(stream):
		data := r.write.Events[len(r.packed)-1].Data
		d.describe(stream, data)
		if base.gone && !d.of(stream).metadata.Gone() {
			return d.rewrite(stream, withTruncateBefore(data, base.last+1))
		}
	}
	return nil
}

// rewrite adds an event with new metadata.
func (d *draft) rewrite(metastream string, data []byte) error {
	if _, err := d.head(metastream); err != nil {
		return err
	}
	event := pack(&Proposed{ID: newID(), Type: MetadataType, JSON: true, Data: data})
	d.add(metastream, event)
	d.describe(metastream, data)
	return nil
}

// delete hides everything; all other metadata is lost with it.
func (d *draft) delete(r *request, s streamInfo) error {
	metastream := MetastreamOf(r.write.Stream)
	if err := d.rewrite(metastream, withTruncateBefore(nil, DeletedNumber)); err != nil {
		return err
	}
	r.at, r.written.Number = spot{metastream, d.of(metastream).last}, s.last
	return nil
}

func (d *draft) tombstone(r *request) {
	stream := r.write.Stream
	d.add(stream, eventlog.Pending{ID: r.ids[0], Type: tombstoneType, Data: envelope(flagTombstone, nil, nil)})
	of := d.of(stream)
	r.at, r.written.Number = spot{stream, of.last}, DeletedNumber
	of.last, of.tombstoned = of.last-1, true
	d.meta = true // subscriptions must check it
}

// AppendTogether implements API.
func (e *Engine) AppendTogether(ctx context.Context, writes ...Write) ([]Written, error) {
	requests := make([]*request, len(writes))
	var roots []string
	for i, w := range writes {
		var err error
		if requests[i], err = e.newRequest(kindAppend, w); err != nil {
			return nil, err
		}
		roots = append(roots, rootOf(w.Stream))
	}
	slices.Sort(roots) // a fixed order prevents deadlock
	var held []*writeQueue
	defer func() {
		for _, l := range held {
			<-l.hold
			e.queues.leave(l)
		}
	}()
	for _, root := range slices.Compact(roots) {
		l := e.queues.enter(root)
		select {
		case l.hold <- struct{}{}:
			held = append(held, l)
		case <-ctx.Done():
			e.queues.leave(l)
			return nil, domain.Wrap(domain.Unavailable, ctx.Err(), "The append was given up while it waited; nothing was stored")
		case <-e.closing:
			e.queues.leave(l)
			return nil, errClosing()
		}
	}
	return e.together(ctx, held, requests)
}

// together writes several requests, all or none; the write queues are held.
func (e *Engine) together(ctx context.Context, held []*writeQueue, requests []*request) ([]Written, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	d := e.newDraft(ctx, held...)
	for _, r := range requests {
		if err := d.decide(r); err != nil {
			return nil, err
		}
	}
	if err := d.commit(); err != nil {
		return nil, err
	}
	written := make([]Written, len(requests))
	errs := make([]error, len(requests))
	for i, r := range requests {
		d.answer(r, nil)
		written[i], errs[i] = r.written, r.err
	}
	return written, errors.Join(errs...)
}
