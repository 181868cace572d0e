package pebblelog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// group is the appends that share one batch and its fsync.
type group struct {
	batch    *pebble.Batch // nil if no append of the group stores anything
	requests []*request
	events   []eventlog.Recorded
	touched  map[eventlog.Stream]struct{} // streams the batch adds to
	bytes    int
}

// write is the one goroutine that gives positions: it gathers what waits,
// checks versions, writes one batch for all and waits for its one fsync.
func (l *Log) write() {
	defer close(l.stopped)
	defer func() {
		if cause := recover(); cause != nil { // the database panics on a log it cannot write
			l.fail(fmt.Errorf("the database gave up: %v", cause))
		}
	}()
	var held *request
	for {
		first := held
		if first == nil {
			if first = l.next(); first == nil {
				return
			}
		}
		var g *group
		g, held = l.gather(first)
		if err := l.commit(g); err != nil {
			l.fail(err) // the appends learn it from failed
			return
		}
		l.answer(g)
		l.invite(len(g.requests))
	}
}

// invite gives those that were just answered a moment to come back, so that
// they share the next fsync and need not wait for the one after.
func (l *Log) invite(answered int) {
	for range maxInviteYields {
		if len(l.queue) >= answered {
			return
		}
		runtime.Gosched()
	}
}

// next takes the first append of a group and waits for it; nil means that the
// log is closing and none is left.
func (l *Log) next() *request {
	for {
		select {
		case r := <-l.queue:
			if r.take() {
				return r
			}
		case w := <-l.saves:
			l.keep(w)
		case <-l.closing:
			return l.poll()
		}
	}
}

// poll takes one more append if one waits. One that its caller gave up is
// dropped: the caller was told that nothing is stored.
func (l *Log) poll() *request {
	for {
		select {
		case r := <-l.queue:
			if r.take() {
				return r
			}
		default:
			return nil
		}
	}
}

// gather decides first and whatever else waits, until the batch is large
// enough. An append that may repeat one of this very group is held for the
// next, when it can be compared with what is stored.
func (l *Log) gather(first *request) (g *group, held *request) {
	g = &group{touched: map[eventlog.Stream]struct{}{}}
	refused := l.guard.check()
	for r := first; r != nil; r = l.poll() {
		if refused != nil {
			r.err = refused
		} else if !l.decide(g, r) {
			return g, r
		}
		g.requests = append(g.requests, r)
		if g.bytes >= maxBatchBytes || len(g.requests) >= maxQueuedAppends {
			break
		}
	}
	return g, nil
}

// decide adds r to the group's batch, or sets the error or the old answers; it
// returns false if that needs what the group's batch holds.
func (l *Log) decide(g *group, r *request) bool {
	var conflict error
	fresh, pending := 0, false
	for i := range r.parts {
		p := &r.parts[i]
		have, err := l.head(p)
		if err != nil {
			r.err = err
			return true
		}
		if have == p.version {
			fresh++
			continue
		}
		if have < p.version+eventlog.Version(len(p.events)) {
			r.err = eventlog.ErrConflict(p.stream, p.version, have)
			return true
		}
		if conflict == nil {
			conflict = eventlog.ErrConflict(p.stream, p.version, have)
		}
		if _, touched := g.touched[p.stream]; touched {
			pending = true
		}
	}
	switch {
	case fresh == len(r.parts):
		l.add(g, r)
	case fresh > 0:
		r.err = conflict
	case pending:
		return false
	default:
		r.err = l.repeated(r, conflict)
	}
	return true
}

// add gives the events of r their positions and puts them into the batch.
func (l *Log) add(g *group, r *request) {
	if g.batch == nil {
		g.batch = l.db.NewBatch()
	}
	now := l.opts.Clock().UTC()
	now = time.Unix(0, now.UnixNano()).UTC() // as it will be read
	for i := range r.parts {
		p := &r.parts[i]
		l.addPart(g.batch, p, now)
		last := p.events[len(p.events)-1]
		r.answers[i] = eventlog.Appended{Version: last.Version, Position: last.Position}
		g.events = append(g.events, p.events...)
		g.touched[p.stream] = struct{}{}
		l.heads.put(p.stream, last.Version)
	}
	g.bytes += r.bytes
}

func (l *Log) addPart(batch *pebble.Batch, p *part, now time.Time) {
	nowNanos := now.UnixNano()
	index := streamKey(p.stream, 0)
	inCategory := categoryKey(p.stream.Category(), 0)
	for i := range p.events {
		l.last++
		e := &p.events[i]
		e.Position, e.At = l.last, e.Meta.FirstRecorded(now)

		op := batch.SetDeferred(eventKeyBytes, headerBytes+len(p.bodies[i].bytes))
		appendEventKey(op.Key[:0], e.Position)
		putRecord(op.Value, p.bodies[i], e.Position, nowNanos)
		_ = op.Finish() // fails only on an indexed batch

		binary.BigEndian.PutUint64(index[len(index)-8:], uint64(e.Version))
		op = batch.SetDeferred(len(index), positionBytes)
		copy(op.Key, index)
		binary.BigEndian.PutUint64(op.Value, uint64(e.Position))
		_ = op.Finish()

		binary.BigEndian.PutUint64(inCategory[len(inCategory)-8:], uint64(e.Position))
		op = batch.SetDeferred(len(inCategory), 0)
		copy(op.Key, inCategory)
		_ = op.Finish()

		if l.opts.IndexIDs {
			putID(batch, e.ID, e.Position)
		}
	}
}

// commit writes the batch and returns when it is on disk.
func (l *Log) commit(g *group) error {
	if g.batch == nil {
		return nil
	}
	if l.opts.IndexIDs {
		putIndexed(g.batch, l.last)
	}
	start := time.Now()
	if l.opts.noSync {
		if err := l.db.Apply(g.batch, pebble.NoSync); err != nil {
			return err
		}
	} else if err := errors.Join(l.db.ApplyNoSyncWait(g.batch, pebble.Sync), g.batch.SyncWait()); err != nil {
		return err // Apply would end the process here
	}
	if l.hasFailed() {
		return l.cause // after a failure nothing is acknowledged, whatever the database says
	}
	l.opts.Hooks.Committed(len(g.requests), len(g.events), g.bytes, time.Since(start))
	return g.batch.Close()
}

// answer shows the events of a group, which are on disk, to readers, and then
// answers its appends.
func (l *Log) answer(g *group) {
	if len(g.events) > 0 {
		l.tail.publish(g.events)
		l.checkpointer.moved(len(g.events))
	}
	for _, r := range g.requests {
		close(r.done)
	}
}

// repeated answers an append whose places in the streams are taken: as before
// if these very events are there, and with conflict if others are.
func (l *Log) repeated(r *request, conflict error) error {
	for i := range r.parts {
		p := &r.parts[i]
		for j := range p.events {
			e := &p.events[j]
			at, id, err := l.stored(p.stream, e.Version)
			if errors.Is(err, pebble.ErrNotFound) || errors.Is(err, errGone) { // it was scavenged
				return conflict
			}
			if err != nil {
				return domain.Wrap(domain.Internal, err, "Version %d of %s cannot be read", e.Version, p.stream)
			}
			if id != e.ID {
				return conflict
			}
			r.answers[i] = eventlog.Appended{Version: e.Version, Position: at}
		}
	}
	return nil
}

// stored returns the position and id of one event.
func (l *Log) stored(s eventlog.Stream, v eventlog.Version) (p eventlog.Position, id eventlog.EventID, err error) {
	value, closer, err := l.db.Get(streamKey(s, v))
	if err != nil {
		return 0, id, err
	}
	if len(value) != positionBytes {
		return 0, id, errors.Join(errIndex, closer.Close())
	}
	p = eventlog.Position(binary.BigEndian.Uint64(value))
	if err := closer.Close(); err != nil {
		return 0, id, err
	}
	record, closer, err := l.db.Get(eventKey(p))
	if err != nil {
		return 0, id, err
	}
	id, ok := recordID(record)
	switch {
	case len(record) > 0 && record[0] == goneForm:
		err = errGone
	case !ok:
		err = errRecordShort
	}
	return p, id, errors.Join(err, closer.Close())
}
