package eventstoredb

import (
	"context"
	"errors"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// subscription reads $all from a place on, through all drops: a Subscribe, or a
// reading that ends where the log did when it began.
//
//	once:  measure the end ─▶ open ─▶ confirmed ─▶ messages … ─▶ dropped
//	        (asks the leader)                                      │
//	run:     ▲───── pause, longer with each failure in a row ◀─────┘
//
// Measuring the end before opening says what caught up means. It also finds the
// leader: the library follows a node's word of who leads after a read, but not
// after a subscription that ends.
type subscription struct {
	log       *Log
	pool      *clients
	operation string // operationSubscribe, or operationRead for one that ends
	filter    *esdb.SubscriptionFilter
	faults    int                                                    // how many in a row of what should not happen are borne
	take      func(*esdb.RecordedEvent) (kept, more bool, err error) // hands an event on
	passed    func(eventlog.Watermark)                               // may be nil

	place    place
	end      uint64 // of the log, before the present subscription was opened
	until    uint64 // where a reading ends
	measured bool   // until is known
	kept     int    // events that were handed on
	skipped  int    // events that were not handed on since the last watermark
	told     eventlog.Watermark
	silence  *time.Timer // nil for a subscription that may wait for ever
	troubles troubles
}

var errSilent = errors.New("no message came in time")

func newSubscription(l *Log, pool *clients, operation string, above eventlog.Position) *subscription {
	at := max(above, 0)
	return &subscription{
		log: l, pool: pool, operation: operation, place: place{event: uint64(at)}, told: eventlog.Watermark{Position: at},
		troubles: troubles{log: l},
	}
}

// reading reports whether s ends where the log did when it began.
func (s *subscription) reading() bool { return s.operation == operationRead }

// keeps hands the events of some categories to yield.
func (s *subscription) keeps(categories []string, yield func(eventlog.Recorded, error) bool) {
	s.take = func(e *esdb.RecordedEvent) (kept, more bool, err error) {
		if !wanted(e, categories) {
			return false, true, nil
		}
		r, err := recorded(e)
		if err != nil {
			return false, true, err
		}
		return true, yield(r, nil), nil
	}
}

// run subscribes again and again. It returns nil when the reader wants no more
// or all was read.
func (s *subscription) run(ctx context.Context, cancel context.CancelCauseFunc) error {
	if s.reading() {
		s.silence = time.AfterFunc(s.log.opts.Timeout, func() {
			s.log.opts.Hooks.Failed(s.operation, domain.Unavailable)
			cancel(domain.Wrap(domain.Unavailable, errSilent, "EventStoreDB at %s sent nothing for %s; try again later", s.log.Name(), s.log.opts.Timeout))
		})
		defer s.silence.Stop()
	}
	for {
		moved := s.log.lead.change()
		more, err := s.once(ctx)
		if !more && err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		f := failureOf(err)
		switch {
		case f.kind != domain.Invalid:
		case status.Code(err) != codes.InvalidArgument: // it is about a size, not about the place
			f = failure{kind: domain.Exhausted, again: true}
		case s.isPosition(ctx): // nor is this: a filter that took too long there
			f = failure{kind: domain.Internal, again: true}
		}
		failures := s.troubles.dropped(ctx, s, f, err)
		switch {
		case s.place.doubt(f):
		case f.kind == domain.Invalid:
			s.log.opts.Hooks.Failed(s.operation, f.kind)
			return domain.Wrap(f.kind, err, "EventStoreDB at %s refuses to read on from position %d", s.log.Name(), s.place.event)
		case !f.again, f.kind == domain.Internal && failures >= s.faults:
			return s.log.give(s.operation, f, err)
		}
		if !s.reading() {
			s.log.opts.Hooks.Dropped(f.kind)
		}
		if !s.log.pause(ctx, moved, s.operation, failures-1, f) {
			return ctx.Err()
		}
	}
}

// isPosition reports whether the server reads from where s is. A
// caller whose position is invalid starts from the beginning, so a refusal is
// verified with a read.
func (s *subscription) isPosition(ctx context.Context) bool {
	_, err := call(ctx, s.log, s.pool, min(endTimeout, s.log.opts.Timeout), s.log.page(esdb.Forwards, all{s.place.start()}, 1))
	return err == nil
}

// once subscribes and hands events on until the subscription drops, or there
// is no more to be had.
func (s *subscription) once(ctx context.Context) (more bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if s.end, err = s.measure(ctx); err != nil {
		return true, err
	}
	if s.reading() {
		if !s.measured {
			s.until, s.measured = s.end, true
		}
		if s.done() {
			return false, nil
		}
	}
	c, err := s.pool.enter(ctx)
	if err != nil {
		return true, err
	}
	defer s.pool.release(c)
	defer context.AfterFunc(c.dropped, cancel)()
	moves := c.moves.Load()
	sub, err := s.open(ctx, c)
	if err != nil {
		if ctx.Err() == nil {
			s.pool.learn(c, moves, classify(err))
		}
		return true, err
	}
	defer sub.Close() //nolint:errcheck // it never fails
	s.troubles.opened()
	if s.place.at() >= s.end {
		s.caughtUp()
	}
	for {
		// Nothing but messages and the end of ctx end the waiting; that the node is
		// gone, or leads no more without a word, watchOver finds out.
		m, err := guarded(func() (*esdb.SubscriptionEvent, error) { return sub.Recv(), nil })
		if err != nil {
			s.pool.retire(c)
			return true, err
		}
		if m.SubscriptionDropped != nil {
			err := m.SubscriptionDropped.Error
			switch {
			case errors.Is(context.Cause(ctx), errSilent):
				s.pool.retire(c)
			case ctx.Err() == nil:
				s.pool.learn(c, moves, classify(err))
			}
			return true, err
		}
		if s.silence != nil {
			s.silence.Stop()
		}
		if more, err := s.message(m); !more || err != nil {
			return more, err
		}
		if s.silence != nil {
			s.silence.Reset(s.log.opts.Timeout)
		}
	}
}

// measure asks the leader for the end of the log.
func (s *subscription) measure(ctx context.Context) (uint64, error) {
	p, err := call(ctx, s.log, s.pool, min(endTimeout, s.log.opts.Timeout), s.log.page(esdb.Backwards, all{esdb.End{}}, 1))
	if err != nil || len(p.events) == 0 {
		return 0, err
	}
	at := p.events[0].Position.Commit
	_, err = position(at)
	return at, err
}

// message handles one; more = false says that the reader has gone, or that the
// reading is at its end.
func (s *subscription) message(m *esdb.SubscriptionEvent) (more bool, err error) {
	switch {
	case m.CheckPointReached != nil:
		s.troubles.over()
		s.place.checkpoint(m.CheckPointReached.Commit)
		s.tell(s.place.event)
	case m.CaughtUp != nil:
		s.troubles.calm()
		s.caughtUp()
	case m.EventAppeared != nil:
		s.troubles.over()
		more, err = s.event(m.EventAppeared.OriginalEvent())
		if !more || err != nil {
			return more, err
		}
	}
	return !s.done(), nil
}

func (s *subscription) event(e *esdb.RecordedEvent) (more bool, err error) {
	if e == nil {
		return true, domain.Errorf(domain.Internal, "EventStoreDB at %s sent an empty event", s.log.Name())
	}
	at := e.Position.Commit
	if _, err := position(at); err != nil {
		return true, err
	}
	before := s.place.event
	if !s.place.pass(at) {
		return true, nil
	}
	s.tell(before)
	kept, more, err := s.take(e)
	if !more || err != nil {
		return more, err
	}
	s.skipped++
	if kept {
		s.skipped = 0
		s.kept++
	}
	switch {
	case at >= s.end && !s.told.CaughtUp:
		s.caughtUp()
	case s.skipped >= searchWindow:
		s.passedAll(at)
	}
	return true, nil
}

// done reports whether a reading has come to its end.
func (s *subscription) done() bool {
	return s.reading() && (s.told.CaughtUp || s.place.at() >= s.until)
}

// caughtUp notes that everything up to the end that was measured has come.
func (s *subscription) caughtUp() {
	s.place.confirmed = max(s.place.confirmed, s.end)
	first := !s.told.CaughtUp
	s.told.CaughtUp = true
	if !s.passedAll(s.place.at()) && first && s.passed != nil {
		s.passed(s.told)
	}
}

// tell returns how far the server has looked beyond the last event.
func (s *subscription) tell(last uint64) {
	if s.place.confirmed > last {
		s.passedAll(s.place.confirmed)
	}
}

// passedAll reports whether everything up to a position was handed on, unless that
// is known.
func (s *subscription) passedAll(at uint64) bool {
	p := eventlog.Position(at) //nolint:gosec // place takes no greater ones
	if p <= s.told.Position {
		return false
	}
	s.told.Position, s.skipped = p, 0
	if s.passed != nil {
		s.passed(s.told)
	}
	return true
}
