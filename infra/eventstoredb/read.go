package eventstoredb

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// page is a part of a reading.
type page struct {
	events []*esdb.RecordedEvent
	full   bool // there may be more
}

// source is what pages are read from: a stream, or all.
type source interface {
	read(ctx context.Context, c *esdb.Client, d esdb.Direction, count uint64) (*esdb.ReadStream, error)
}

type stream struct {
	name eventlog.Stream
	from esdb.StreamPosition
}

func (s stream) read(ctx context.Context, c *esdb.Client, d esdb.Direction, count uint64) (*esdb.ReadStream, error) {
	return c.ReadStream(ctx, string(s.name), esdb.ReadStreamOptions{Direction: d, From: s.from, RequiresLeader: true}, count)
}

type all struct{ from esdb.AllPosition }

func (a all) read(ctx context.Context, c *esdb.Client, d esdb.Direction, count uint64) (*esdb.ReadStream, error) {
	return c.ReadAll(ctx, esdb.ReadAllOptions{Direction: d, From: a.from, RequiresLeader: true}, count)
}

// page is the call that reads up to count events, and less if they are large.
// It reads to the end of the page before anything is yielded, so that a slow
// reader holds nothing on the server and a panic hits nobody else.
func (l *Log) page(d esdb.Direction, from source, count uint64) work[page] {
	return func(ctx context.Context, c *esdb.Client) (p page, err error) {
		begun := time.Now()
		r, err := from.read(ctx, c, d, count)
		if err != nil {
			return page{}, err
		}
		defer r.Close()
		for size := 0; ; {
			e, err := r.Recv()
			switch {
			case errors.Is(err, io.EOF), isNotFound(err):
				l.opts.Hooks.Read(len(p.events), time.Since(begun))
				return p, nil
			case err != nil:
				return page{}, err
			}
			original := e.OriginalEvent()
			if original == nil {
				return page{}, domain.Errorf(domain.Internal, "EventStoreDB at %s sent an event that is none", l.Name())
			}
			p.events = append(p.events, original)
			size += len(original.Data) + len(original.UserMetadata)
			n := uint64(len(p.events))
			if p.full = n >= count || n > 1 && size >= pageBytes; p.full { // the first one may be known already
				l.opts.Hooks.Read(len(p.events), time.Since(begun))
				return p, nil
			}
		}
	}
}

// fetch reads one page within the time of an operation.
func (l *Log) fetch(ctx context.Context, d esdb.Direction, from source, count uint64) (page, error) {
	limit, cancel := context.WithTimeout(ctx, l.opts.Timeout)
	defer cancel()
	p, f, err := repeat(limit, l, "read", l.page(d, from, count))
	switch {
	case err == nil:
		return p, nil
	case ctx.Err() != nil:
		return page{}, ctx.Err()
	}
	return page{}, l.give("read", f, err)
}

// fetched is a page, or why there is none.
type fetched struct {
	page
	err error
}

// pages yields pages until one is not full or done says that it was the last.
// While one is used the next one is on its way. next is what follows an event.
func (l *Log) pages(ctx context.Context, first source, next func(*esdb.RecordedEvent) source, done func(*esdb.RecordedEvent) (bool, error)) iter.Seq2[page, error] {
	return func(yield func(page, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		p, err := l.fetch(ctx, esdb.Forwards, first, pageEvents)
		for {
			if err != nil {
				yield(page{}, err)
				return
			}
			if !p.full {
				yield(p, nil)
				return
			}
			last := p.events[len(p.events)-1]
			ended, err2 := done(last)
			if ended || err2 != nil {
				_ = yield(p, nil) && err2 != nil && yield(page{}, err2)
				return
			}
			coming := make(chan fetched, 1)
			go func() {
				p, err := l.fetch(ctx, esdb.Forwards, next(last), pageEvents)
				coming <- fetched{p, err}
			}()
			more := yield(p, nil)
			if !more {
				cancel()
			}
			f := <-coming
			if !more {
				return
			}
			p, err = f.page, f.err
		}
	}
}

// Read implements eventlog.Store.
func (l *Log) Read(ctx context.Context, s eventlog.Stream, above eventlog.Version) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		next := func(e *esdb.RecordedEvent) source { return stream{s, esdb.Revision(e.EventNumber + 1)} }
		never := func(*esdb.RecordedEvent) (bool, error) { return false, nil }
		for p, err := range l.pages(ctx, stream{s, esdb.Revision(uint64(max(above, 0)))}, next, never) {
			if err != nil {
				yield(eventlog.Recorded{}, err)
				return
			}
			for _, e := range p.events {
				if !l.yieldOne(ctx, e, yield) {
					return
				}
			}
		}
	}
}

// ReadAll implements eventlog.Store. The library cannot have it filtered by the
// server, so it reads everything and passes over what is of other categories.
func (l *Log) ReadAll(ctx context.Context, above eventlog.Position, categories ...string) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		next := func(e *esdb.RecordedEvent) source { return all{e.Position} } // itself included
		var end *esdb.Position                                                // what was the end when the second page was asked for
		done := func(e *esdb.RecordedEvent) (bool, error) {
			if end == nil {
				newest, err := l.fetch(ctx, esdb.Backwards, all{esdb.End{}}, 1)
				if err != nil || len(newest.events) == 0 {
					return true, err
				}
				end = &newest.events[0].Position
			}
			return e.Position.Commit >= end.Commit, nil
		}
		passed := esdb.Position{Commit: uint64(max(above, 0))}
		for p, err := range l.pages(ctx, all{after(above)}, next, done) {
			if err != nil {
				yield(eventlog.Recorded{}, err)
				return
			}
			for _, e := range p.events {
				if e.Position.Commit <= passed.Commit {
					continue
				}
				passed = e.Position
				if wanted(e, categories) && !l.yieldOne(ctx, e, yield) {
					return
				}
			}
		}
	}
}

// yieldOne yields e, or the error that ends the reading.
func (l *Log) yieldOne(ctx context.Context, e *esdb.RecordedEvent, yield func(eventlog.Recorded, error) bool) bool {
	if err := ctx.Err(); err != nil {
		yield(eventlog.Recorded{}, err)
		return false
	}
	r, err := recorded(e)
	return yield(r, err) && err == nil
}

// wanted says whether e is one of ours, and of the categories if any are given.
func wanted(e *esdb.RecordedEvent, categories []string) bool {
	if isSystem(e.StreamID) || isSystem(e.EventType) {
		return false
	}
	return len(categories) == 0 || slices.Contains(categories, eventlog.Stream(e.StreamID).Category())
}
