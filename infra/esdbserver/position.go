package esdbserver

import (
	"context"
	"math"

	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/esdbserver/internal/groups"
)

// Positions translates between the positions of the log, which are 1, 2, 3 and
// so on, and those that clients see. Both begin with 0, which is before the
// first event, and grow with every event.
type Positions interface {
	// Outward returns the position that clients see for one of the log.
	Outward(at uint64) uint64
	// Inward is the reverse of Outward. For a number that Outward never returns,
	// exact is false and at is the last position of the log below it.
	Inward(position uint64) (at uint64, exact bool)
}

// Spread is how a node spreads positions: in EventStoreDB they are places in a
// file, some hundreds apart and never evenly, so that a client that counts on
// the number beside one fails there. It has to fail here too. The rule never
// changes: clients save positions.
type Spread struct{}

const (
	// spreadStride is the mean distance of two positions.
	spreadStride = 512
	// spreadJitter is by how much a position is moved at most; less than the
	// stride by the smallest gap.
	spreadJitter = 400
	// maxSpread is the last position of the log that has one outside.
	maxSpread = math.MaxInt64/spreadStride - 1
)

// Outward implements Positions.
func (Spread) Outward(at uint64) uint64 {
	if at == 0 {
		return 0
	}
	at = min(at, maxSpread)
	h := at * 0x9E3779B97F4A7C15
	h = (h ^ h>>29) * 0xBF58476D1CE4E5B9 // one product alone leaves three gaps, which repeat
	return at*spreadStride + h>>33%spreadJitter
}

// Inward implements Positions.
func (s Spread) Inward(position uint64) (at uint64, exact bool) {
	at = min(position/spreadStride, maxSpread)
	switch told := s.Outward(at); {
	case told == position:
		return at, true
	case told > position:
		return at - 1, false // at is not 0, whose position is nothing's below
	}
	return at, false
}

// told returns what clients are told of where an append ended.
func (s *Server) told(w engine.Written) engine.Written {
	w.Position = s.options.Positions.Outward(w.Position)
	return w
}

// text is a place of a group as clients are told it.
func (s *Server) text(p groups.Place, all bool) string {
	if all && p > 0 {
		p = groups.Place(s.options.Positions.Outward(uint64(p))) //nolint:gosec // it is below 2^63
	}
	return p.Text(all)
}

// start returns where a group begins as clients are told it.
func (s *Server) start(at groups.Start, all bool) string {
	switch {
	case at.Invalid != "":
		return at.Invalid
	case at.End:
		return at.Text(all)
	}
	return s.text(at.At, all)
}

// pair is a position as a client writes it.
type pair struct{ commit, prepare uint64 }

// locate finds where in the log a reading of all begins. It refuses a number
// that no record has, as EventStoreDB does, unless it is beyond the end and the
// reading goes forwards: then there is nothing yet.
func (s *Server) locate(ctx context.Context, r *reading) error {
	if r.from == nil {
		return nil
	}
	at, exact := s.options.Positions.Inward(r.from.commit)
	if !exact || r.span.Backwards {
		end, err := s.engine.End(ctx)
		switch beyond := at > end || at == end && !exact; {
		case err != nil:
			return s.fail(ctx, err)
		case beyond && r.span.Backwards, !beyond && !exact:
			return invalid("Trying to read from an invalid position.")
		}
	}
	switch {
	case r.subscribe: // after it
	case !r.span.Backwards && !exact:
		at++
	case r.span.Backwards && at > 0 && s.options.Positions.Outward(at-1) >= r.from.prepare:
		at-- // the record below the commit is not below the prepare; those before it are not compared
	}
	r.position = at
	return nil
}
