package main

import (
	"context"
	"hash/maphash"
	"maps"
	"slices"

	"orderflow/domain/eventlog"
)

// Limits of a census.
const (
	// censusStreams bounds the streams that are held in memory at once, which
	// takes some 150 MB; a log of more is read several times, a share of its
	// streams each time.
	censusStreams = 1 << 19
	// namedStreams bounds the streams that are named where something is wrong.
	namedStreams = 20
)

// counted is one log in a census.
type counted struct {
	reader func() *copyReader // from the first event
	limit  int64              // events that are read; negative: all

	all        chain
	categories map[string]*chain
	streams    int64
	holes      []error     // the first ones
	holed      int         // streams with holes
	last       *copyReader // of the first pass: what it passed over
	more       bool        // there are more events than the limit
}

// census reads logs beside one another from the first event, and adds them up
// as a whole, by category and by stream.
type census struct {
	logs  []*counted
	most  int                                                  // streams held at once
	seen  func(events int64)                                   // may be nil
	check func(eventlog.Recorded) error                        // of each event of the first log; may be nil
	each  func(stream eventlog.Stream, sums []streamSum) error // once for each stream; may be nil
}

// streamSum is a stream in one of the logs.
type streamSum struct {
	chain
	last eventlog.Version // of its last event
	hole error            // the first one
}

// share is a part of all streams: those whose hash leaves index when divided by of.
type share struct {
	seed      maphash.Seed
	of, index uint64
}

func (s share) has(stream eventlog.Stream) bool {
	return s.of == 1 || maphash.String(s.seed, string(stream))%s.of == s.index
}

// run counts.
func (c *census) run(ctx context.Context) error {
	part := share{seed: maphash.MakeSeed(), of: 1}
	for ; part.index < part.of; part.index++ {
		streams, err := c.pass(ctx, &part)
		if err != nil {
			return err
		}
		for _, s := range slices.Sorted(maps.Keys(streams)) {
			for i, l := range c.logs {
				l.addSum(&streams[s][i])
			}
			if c.each != nil {
				if err := c.each(s, streams[s]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// pass reads the logs once and returns the streams of a share. The first pass
// adds up the whole as well, and halves the share when it grows too large.
func (c *census) pass(ctx context.Context, part *share) (map[eventlog.Stream][]streamSum, error) {
	streams := map[eventlog.Stream][]streamSum{}
	first := part.index == 0
	var digests digester
	readers := make([]*copyReader, len(c.logs))
	for i, l := range c.logs {
		readers[i] = l.reader()
		defer readers[i].close()
	}
	for n := int64(0); ; n++ {
		ended := 0
		for i, l := range c.logs {
			if l.limit >= 0 && n >= l.limit {
				if ended++; first && n == l.limit {
					_, more, err := readers[i].read(ctx)
					if err != nil {
						return nil, err
					}
					l.more = more
				}
				continue
			}
			r, ok, err := readers[i].read(ctx)
			if err != nil {
				return nil, err
			}
			if !ok {
				ended++
				continue
			}
			d := digests.of(&r)
			if first {
				l.addWhole(r, d)
				if i == 0 && c.check != nil {
					if err := c.check(r); err != nil {
						return nil, err
					}
				}
			}
			if part.has(r.Stream) {
				if streams[r.Stream] == nil {
					streams[r.Stream] = make([]streamSum, len(c.logs))
				}
				streams[r.Stream][i].take(r, d)
			}
		}
		if ended == len(c.logs) {
			break
		}
		for first && len(streams) > c.most {
			part.of *= 2
			maps.DeleteFunc(streams, func(s eventlog.Stream, _ []streamSum) bool { return !part.has(s) })
		}
		if first && c.seen != nil {
			c.seen(n)
		}
	}
	if first {
		for i, l := range c.logs {
			l.last = readers[i]
		}
	}
	return streams, nil
}

func (l *counted) addWhole(r eventlog.Recorded, d digest) {
	l.all.add(d)
	name := r.Stream.Category()
	if l.categories == nil {
		l.categories = map[string]*chain{}
	}
	if l.categories[name] == nil {
		l.categories[name] = &chain{}
	}
	l.categories[name].add(d)
}

// take adds an event to its stream, and notes the first hole of it.
func (s *streamSum) take(r eventlog.Recorded, d digest) {
	if want := s.last + 1; r.Version != want && s.hole == nil {
		s.hole = eventlog.ErrIncomplete(r.Stream, want, r.Version)
	}
	s.last = r.Version
	s.add(d)
}

// addSum adds a stream of which everything was read.
func (l *counted) addSum(s *streamSum) {
	if s.events > 0 {
		l.streams++
	}
	if s.hole != nil {
		if l.holed++; len(l.holes) < namedStreams {
			l.holes = append(l.holes, s.hole)
		}
	}
}
