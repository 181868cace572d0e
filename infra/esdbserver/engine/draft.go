package engine

import (
	"context"
	"slices"

	"orderflow/domain/eventlog"
)

// draft is a write of the log in the making: what the requests of a group add,
// and where it takes the streams. Later requests are judged by it.
type draft struct {
	engine *Engine
	ctx    context.Context // of the one call it lives in
	lanes  []*lane
	stored map[string]head // before the draft
	heads  map[string]head // with the draft
	named  map[eventlog.EventID]spot
	writes []eventlog.Write
	ends   []eventlog.Appended // where each of writes ended, once committed
	events int
	bytes  int
	meta   bool // it changes metadata
}

// spot is where an event is.
type spot struct {
	stream string
	number int64
}

func (e *Engine) newDraft(ctx context.Context, lanes ...*lane) *draft {
	return &draft{
		engine: e, ctx: ctx, lanes: lanes,
		stored: make(map[string]head, 2), heads: make(map[string]head, 2), // mostly a stream and its metastream
	}
}

// head returns where a stream is with what is drafted.
func (d *draft) head(stream string) (head, error) {
	if h, ok := d.heads[stream]; ok {
		return h, nil
	}
	root := rootOf(stream)
	i := slices.IndexFunc(d.lanes, func(l *lane) bool { return l.root == root })
	h, err := d.engine.look(d.ctx, d.lanes[i], stream)
	if err == nil {
		d.stored[stream], d.heads[stream] = h, h
	}
	return h, err
}

// find implements book.
func (d *draft) find(id eventlog.EventID) (stream string, number int64, ok bool, err error) {
	if at, ok := d.named[id]; ok {
		return at.stream, at.number, true, nil
	}
	r, ok, err := d.engine.log.Find(d.ctx, id)
	return string(r.Stream), int64(r.Version) - 1, ok, err
}

// ids implements book.
func (d *draft) ids(stream string, from int64, n int) (ids []eventlog.EventID, err error) {
	last := d.stored[stream].last
	if from <= last {
		for r, err := range d.engine.log.Read(d.ctx, eventlog.Stream(stream), version(from-1)) {
			if err != nil {
				return nil, err
			}
			if len(ids) == n || int64(r.Version)-1 > last {
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

// add drafts events at the end of a stream, of which the head was asked before.
func (d *draft) add(stream string, events ...eventlog.Pending) {
	i := d.writeTo(stream)
	if i < 0 {
		i = len(d.writes)
		d.writes = append(d.writes, eventlog.Write{Stream: eventlog.Stream(stream), Version: version(d.stored[stream].last)})
	}
	if d.named == nil {
		d.named = make(map[eventlog.EventID]spot, len(events))
	}
	h := d.heads[stream]
	for j := range events {
		h.last++
		d.named[events[j].ID] = spot{stream, h.last}
		d.bytes += len(events[j].Data)
	}
	d.writes[i].Events = append(d.writes[i].Events, events...)
	d.events += len(events)
	d.heads[stream] = h
	d.meta = d.meta || stream == SettingsStream
}

// describe notes that the last event added to a metastream has this data.
func (d *draft) describe(metastream string, data []byte) {
	h := d.heads[metastream]
	m := ParseMetadata(data)
	h.metadata = &m
	d.heads[metastream] = h
	d.meta = true
}

// commit writes what is drafted and tells everybody who has to know.
func (d *draft) commit() (err error) {
	for _, w := range d.writes {
		d.engine.known.add(string(w.Stream))
	}
	switch len(d.writes) {
	case 0:
		return nil
	case 1:
		w := d.writes[0]
		d.ends = make([]eventlog.Appended, 1)
		d.ends[0], err = d.engine.log.Append(d.ctx, w.Stream, w.Version, w.Events...)
	default:
		d.ends, err = d.engine.log.AppendTogether(d.ctx, d.writes...)
	}
	if err != nil {
		for _, l := range d.lanes {
			l.forget() // it may be there and may be not
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
	if i := d.writeTo(at.stream); i >= 0 && at.number > d.stored[at.stream].last {
		return uint64(d.ends[i].Position - eventlog.Position(d.ends[i].Version-version(at.number))), nil
	}
	for r, err := range d.engine.log.Read(d.ctx, eventlog.Stream(at.stream), version(at.number-1)) {
		return uint64(r.Position), err
	}
	return 0, nil
}
