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

// page is the events that one call read.
type page struct {
	events []*esdb.RecordedEvent
	full   bool // there may be more
	none   bool // there is no such stream, or it was deleted and not begun again
}

// hides reports whether a page that was read above a version shows that there were
// events: a stream that had some is gone, or one that is there is empty.
func (p page) hides(above eventlog.Version) bool {
	if above == 0 {
		return len(p.events) == 0 && !p.none
	}
	return p.none
}

// source is the source of pages: a stream, or all.
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

// page returns the call that reads up to count events, and less if they are large.
// It reads to the end of the page before anything is yielded, so that a slow
// reader holds nothing on the server and a panic ends no other reading.
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
				p.none = err != io.EOF //nolint:errorlint // either it is, or there is no stream
				l.opts.Hooks.Read(len(p.events), time.Since(begun))
				return p, nil
			case err != nil:
				return page{}, err
			}
			original := e.OriginalEvent()
			if original == nil {
				return page{}, domain.Errorf(domain.Internal, "EventStoreDB at %s sent an empty event", l.Name())
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
	p, f, err := repeat(limit, l, operationRead, l.page(d, from, count))
	switch {
	case err == nil:
		return p, nil
	case ctx.Err() != nil:
		return page{}, ctx.Err()
	}
	return page{}, l.give(operationRead, f, err)
}

// fetched is a page or the error of reading it.
type fetched struct {
	page
	err error
}

// pages yields pages of a stream until one is not full. While one is used the
// next one is on its way.
func (l *Log) pages(ctx context.Context, s eventlog.Stream, above eventlog.Version) iter.Seq2[page, error] {
	return func(yield func(page, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		p, err := l.fetch(ctx, esdb.Forwards, stream{s, esdb.Revision(uint64(above))}, pageEvents) //nolint:gosec // it is not negative
		for {
			if err != nil {
				yield(page{}, err)
				return
			}
			if !p.full {
				yield(p, nil)
				return
			}
			next := p.events[len(p.events)-1].EventNumber + 1
			coming := make(chan fetched, 1)
			go func() {
				p, err := l.fetch(ctx, esdb.Forwards, stream{s, esdb.Revision(next)}, pageEvents)
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

// Read implements eventlog.Store. A stream that was deleted, for ever or so that
// it can begin again, is Incomplete, and so is one that exists and shows none of
// its events. To tell a stream that never was from one that was deleted takes a
// second read, of its metadata.
func (l *Log) Read(ctx context.Context, s eventlog.Stream, above eventlog.Version) iter.Seq2[eventlog.Recorded, error] {
	above = max(above, 0)
	return eventlog.Whole(s, above, func(yield func(eventlog.Recorded, error) bool) {
		last := above
		for p, err := range l.pages(ctx, s, above) {
			switch {
			case err == nil && p.hides(last):
				l.opts.Hooks.Failed(operationRead, domain.Incomplete)
				err = eventlog.ErrIncomplete(s, last+1, 0)
			case err == nil && p.none:
				err = l.deleted(ctx, s)
			case domain.KindOf(err) == domain.Incomplete:
				err = eventlog.ErrIncomplete(s, last+1, 0)
			}
			if err != nil {
				yield(eventlog.Recorded{}, err)
				return
			}
			for _, e := range p.events {
				if !l.yieldOne(ctx, e, yield) {
					return
				}
				last = eventlog.Version(e.EventNumber) + 1 //nolint:gosec // recorded has refused greater ones
			}
		}
	})
}

// deleted is neverDeleted for a reading, within the time of one operation.
func (l *Log) deleted(ctx context.Context, s eventlog.Stream) error {
	limit, cancel := context.WithTimeout(ctx, l.opts.Timeout)
	defer cancel()
	if err := l.neverDeleted(limit, operationRead, s); ctx.Err() == nil {
		return err
	}
	return ctx.Err()
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

// wanted reports whether e is not a system event, and of one of the categories if any are given.
func wanted(e *esdb.RecordedEvent, categories []string) bool {
	if isSystem(e.StreamID) || isSystem(e.EventType) {
		return false
	}
	return len(categories) == 0 || slices.Contains(categories, eventlog.Stream(e.StreamID).Category())
}
