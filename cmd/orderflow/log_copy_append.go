package main

import (
	"context"

	"orderflow/cmd/orderflow/internal/audit"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Limits of one append of a copy.
const (
	// copyBatchEvents and copyBatchBytes end an append to several streams: large
	// enough to share an fsync, small against what a log takes at once.
	copyBatchEvents = 4 << 10
	copyBatchBytes  = 4 << 20
)

// copying appends the events of one log to another in the order of all events,
// and so has one append under way at a time: two of different streams could be
// stored in either order.
type copying struct {
	from, to copyEnd
	seen     func(events int64) // how many are in the target; may be nil

	passed, copied int64 // events that were there already, and that were appended
	digests        digester
	waited         outage
}

// run copies what the target lacks. What it has must be the source's beginning.
func (c *copying) run(ctx context.Context) error {
	source := &copyReader{log: c.from.log, categories: audit.OurCategories()}
	defer source.close()
	if err := c.passOver(ctx, source); err != nil {
		return err
	}
	together, _ := c.to.log.(eventlog.MultiAppender)
	b := batch{most: 1, bytesMost: eventlog.PortableBytes}
	if together != nil {
		b.most, b.bytesMost = eventlog.MaxWrites, copyBatchBytes
	}
	for {
		e, ok, err := source.read(ctx)
		if err != nil {
			return domain.Wrap(domain.KindOf(err), err, "The source cannot be read; run the copy again, and it goes on where it was")
		}
		if !ok {
			break
		}
		if !b.fits(e) {
			if err := c.store(ctx, together, &b); err != nil {
				return err
			}
		}
		b.add(e)
	}
	return c.store(ctx, together, &b)
}

// passOver compares what is in the target with the source's beginning.
func (c *copying) passOver(ctx context.Context, source *copyReader) error {
	target := &copyReader{log: c.to.log, categories: audit.OurCategories()}
	defer target.close()
	for {
		have, ok, err := target.read(ctx)
		if err != nil {
			return domain.Wrap(domain.KindOf(err), err, "The target cannot be read")
		}
		if !ok {
			return nil
		}
		want, ok, err := source.read(ctx)
		if err != nil {
			return domain.Wrap(domain.KindOf(err), err, "The source cannot be read")
		}
		switch {
		case !ok:
			return domain.Errorf(domain.Conflict, "The target, %s, has all %s events of the source and goes on with others, first version %d of %s: "+
				"it was written to since. Copy from it instead, or name another target with --to.", c.to.name, terminal.Grouped(c.passed), have.Version, have.Stream)
		case c.digests.of(&have) != c.digests.of(&want):
			return domain.Errorf(domain.Conflict, "The target, %s, holds other events: number %s of it is version %d of %s and not, as in the source, version %d of %s "+
				"with the same content. Only a target that is empty, or holds the beginning of this source, can be copied to; name another one with --to.",
				c.to.name, terminal.Grouped(c.passed+1), have.Version, have.Stream, want.Version, want.Stream)
		}
		c.passed++
		c.tell()
	}
}

func (c *copying) tell() {
	if c.seen != nil {
		c.seen(c.passed + c.copied)
	}
}

// store appends a batch, and empties it. An append that was not answered is
// repeated: the log recognises it.
func (c *copying) store(ctx context.Context, together eventlog.MultiAppender, b *batch) error {
	for b.events > 0 {
		var err error
		if together != nil {
			_, err = together.AppendTogether(ctx, b.writes...)
		} else {
			w := b.writes[0]
			_, err = c.to.log.Append(ctx, w.Stream, w.Version, w.Events...)
		}
		if err == nil {
			c.waited.over()
			c.copied += int64(b.events)
			c.tell()
			b.empty()
			return nil
		}
		if domain.KindOf(err) == domain.Conflict {
			return domain.Wrap(domain.Conflict, err, "Somebody else writes to the target, %s. Stop that, and begin with an empty one", c.to.name)
		}
		if err := c.waited.wait(ctx, err); err != nil {
			return domain.Wrap(domain.KindOf(err), err, "The target, %s, took %s of the events and then no more; run the copy again, and it goes on there", c.to.name, terminal.Grouped(c.passed+c.copied))
		}
	}
	return nil
}

// batch is what one append takes: runs of events that follow one another in the
// source, each of one stream.
type batch struct {
	most      int // runs
	bytesMost int

	writes []eventlog.Write
	events int
	bytes  int
}

// fits reports whether the next event of the source can go into the batch. A
// stream cannot come twice with others between: its events would move together.
func (b *batch) fits(e eventlog.Recorded) bool {
	if b.events == 0 {
		return true
	}
	if b.events >= copyBatchEvents || b.bytes+size(e) > b.bytesMost {
		return false
	}
	if b.writes[len(b.writes)-1].Stream == e.Stream {
		return true
	}
	if len(b.writes) == b.most {
		return false
	}
	for _, w := range b.writes {
		if w.Stream == e.Stream {
			return false
		}
	}
	return true
}

func (b *batch) add(e eventlog.Recorded) {
	if n := len(b.writes); n == 0 || b.writes[n-1].Stream != e.Stream {
		b.writes = append(b.writes, eventlog.Write{Stream: e.Stream, Version: e.Version - 1})
	}
	w := &b.writes[len(b.writes)-1]
	w.Events = append(w.Events, copyOf(e))
	b.events++
	b.bytes += size(e)
}

func (b *batch) empty() { b.writes, b.events, b.bytes = nil, 0, 0 }

// size is about what an event takes in an append, counted as by the strictest
// store: the type twice, and the metadata as JSON with the time.
func size(e eventlog.Recorded) int {
	const names = 130 // of the fields of metadata, and the time
	m := &e.Meta
	return len(e.Data) + 2*len(e.Type) + names + len(m.Command) + len(m.Correlation) + len(m.Causation) + len(m.Actor) + len(m.Trace)
}

// copyOf returns the event as it is appended elsewhere: with the time at which
// it was recorded first.
func copyOf(e eventlog.Recorded) eventlog.Pending {
	p := eventlog.Pending{ID: e.ID, Type: e.Type, Data: e.Data, Meta: e.Meta}
	p.Meta.Recorded = eventlog.RecordedText(e.At)
	return p
}
