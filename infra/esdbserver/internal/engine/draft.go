package engine

import (
	"context"
	"slices"

	"orderflow/domain/eventlog"
)

// draft is a write of the log in the making: what the requests of a group add,
// and where it takes the streams. Later requests are checked against it.
type draft struct {
	engine *Engine
	ctx    context.Context // of the one call it lives in
	lanes  []*writeQueue
	heads  []drafted
	named  map[eventlog.EventID]spot // of what was drafted, as far as it was asked for
	writes []eventlog.Write
	listed []int               // how many events of each of writes are in named
	ends   []eventlog.Appended // where each of writes ended, once committed
	events int
	bytes  int
	meta   bool // it changes metadata
}

// drafted is the state of a stream in a draft: mostly the stream and its metastream.
type drafted struct {
	stream      string
	stored      streamState // before the draft
	streamState             // with it
}

// spot is the stream and number of an event.
type spot struct {
	stream string
	number int64
}

func (e *Engine) newDraft(ctx context.Context, lanes ...*writeQueue) *draft {
	return &draft{engine: e, ctx: ctx, lanes: lanes, heads: make([]drafted, 0, 2)}
}

// of returns a stream of which the state was asked before; nil if it was not.
func (d *draft) of(stream string) *drafted {
	for i := range d.heads {
		if d.heads[i].stream == stream {
			return &d.heads[i]
		}
	}
	return nil
}

// head returns the state of a stream, drafted events included.
func (d *draft) head(stream string) (streamState, error) {
	if known := d.of(stream); known != nil {
		return known.streamState, nil
	}
	root := rootOf(stream)
	i := slices.IndexFunc(d.lanes, func(l *writeQueue) bool { return l.root == root })
	h, err := d.engine.cachedState(d.ctx, d.lanes[i], stream)
	if err == nil {
		d.heads = append(d.heads, drafted{stream, h, h})
	}
	return h, err
}

// find implements book.
func (d *draft) find(id eventlog.EventID) (stream string, number int64, ok bool, err error) {
	if at, ok := d.list()[id]; ok {
		return at.stream, at.number, true, nil
	}
	r, ok, err := d.engine.log.Find(d.ctx, id)
	return string(r.Stream), int64(r.Version) - 1, ok, err
}

// list adds the drafted events to named.
func (d *draft) list() map[eventlog.EventID]spot {
	for i, w := range d.writes {
		for ; d.listed[i] < len(w.Events); d.listed[i]++ {
			if d.named == nil {
				d.named = map[eventlog.EventID]spot{}
			}
			d.named[w.Events[d.listed[i]].ID] = spot{string(w.Stream), int64(w.Version) + int64(d.listed[i])}
		}
	}
	return d.named
}

// ids implements book.
func (d *draft) ids(stream string, from int64, n int) (ids []eventlog.EventID, err error) {
	last := d.of(stream).stored.last
	if from <= last {
		for r, err := range d.engine.readStored(d.ctx, stream, version(from-1)) {
			if err != nil {
				return nil, err
			}
			if len(ids) == n || int64(r.Version)-1 > last || int64(r.Version)-1 != from+int64(len(ids)) { // the latter: removed
				break
			}
			ids = append(ids, r.ID)
		}
		from = last + 1
	}
	if i := d.writeTo(stream); i >= 0 {
		events := d.writes[i].Events
		events = events[min(from-last-1, int64(len(events))):]
		for _, e := range events[:min(n-len(ids), len(events))] {
			ids = append(ids, e.ID)
		}
	}
	return ids, nil
}

func (d *draft) writeTo(stream string) int {
	return slices.IndexFunc(d.writes, func(w eventlog.Write) bool { return string(w.Stream) == stream })
}

// add drafts events at the end of a stream, of which the state was asked before.
func (d *draft) add(stream string, events ...eventlog.Pending) {
	of, i := d.of(stream), d.writeTo(stream)
	if i < 0 {
		d.writes = append(d.writes, eventlog.Write{Stream: eventlog.Stream(stream), Version: version(of.stored.last), Events: slices.Clip(events)})
		d.listed = append(d.listed, 0)
	} else {
		d.writes[i].Events = append(d.writes[i].Events, events...)
	}
	for j := range events {
		d.bytes += len(events[j].Data)
	}
	d.events += len(events)
	of.last += int64(len(events))
	d.meta = d.meta || stream == SettingsStream
}

// describe notes that the last event added to a metastream has this data.
func (d *draft) describe(metastream string, data []byte) {
	m := ParseMetadata(data)
	d.of(metastream).metadata = &m
	d.meta = true
}

// commit writes the draft and notifies subscriptions and caches.
func (d *draft) commit() (err error) {
	if len(d.writes) == 0 {
		return nil
	}
	for _, w := range d.writes {
		d.engine.known.add(string(w.Stream))
	}
	for _, l := range d.lanes {
		l.store()
	}
	switch len(d.writes) {
	case 1:
		w := d.writes[0]
		d.ends = make([]eventlog.Appended, 1)
		d.ends[0], err = d.engine.log.Append(d.ctx, w.Stream, w.Version, w.Events...)
	default:
		d.ends, err = d.engine.log.AppendTogether(d.ctx, d.writes...)
	}
	if err != nil {
		for _, l := range d.lanes {
			l.invalidate() // it may be there and may be not
		}
		return err
	}
	for _, l := range d.lanes {
		l.moved(d.heads)
	}
	if d.meta {
		d.engine.metadataWrites.Add(1)
	}
	for _, w := range d.writes {
		d.engine.streams.grew(string(w.Stream))
	}
	d.engine.all.grew()
	return nil
}

// position returns where an event is. The log gives the events that one append
// adds to a stream positions without gaps.
func (d *draft) position(at spot) (uint64, error) {
	if i := d.writeTo(at.stream); i >= 0 && at.number > d.of(at.stream).stored.last {
		return uint64(d.ends[i].Position - eventlog.Position(d.ends[i].Version-version(at.number))), nil
	}
	for r, err := range d.engine.readStored(d.ctx, at.stream, version(at.number-1)) {
		return uint64(r.Position), err
	}
	return 0, nil
}
