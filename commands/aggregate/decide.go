package aggregate

import (
	"context"
	"crypto/sha256"
	"math"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// proposal is the result of deciding a batch: the events to append, and who waits.
type proposal[S any, E eventlog.Typed] struct {
	decided  []*request[S, E] // writes and noops, in order
	writes   []*request[S, E] // requests that append events
	noops    []*request[S, E] // requests that append nothing; err is set if the decision refused
	overflow []*request[S, E] // requests that did not fit into the append

	events  []E
	pending []eventlog.Pending
	bytes   int
}

// decideAll decides the requests of a batch in order, each on the state that the
// ones before lead to. A request that panics is answered at once, and the others
// are decided again from the committed state.
func (a *Aggregate[S, E]) decideAll(c *cacheEntry[S, E], batch []*request[S, E]) *proposal[S, E] {
	for {
		p, ok := a.tryAll(c, unanswered(batch))
		if ok {
			return p
		}
		c.discardUncommitted()
	}
}

func (a *Aggregate[S, E]) tryAll(c *cacheEntry[S, E], batch []*request[S, E]) (p *proposal[S, E], ok bool) {
	p = &proposal[S, E]{}
	if !c.hasUncommitted {
		c.uncommitted, c.hasUncommitted = a.decider.Copy(c.committed.state), true
	}
	for i, r := range batch {
		full, broken := a.decideOne(c, p, r)
		switch {
		case broken != nil:
			r.answer(Result{}, broken)
			return nil, false
		case full:
			p.overflow = batch[i:]
			return p, true
		}
		p.decided = append(p.decided, r)
	}
	return p, true
}

// decideOne adds the events of one request to p. full reports that they do not fit.
// broken is the error of a panic, after which the uncommitted state is not valid.
func (a *Aggregate[S, E]) decideOne(c *cacheEntry[S, E], p *proposal[S, E], r *request[S, E]) (full bool, broken error) {
	defer func() {
		if caught := recover(); caught != nil {
			broken = errPanic(caught)
		}
	}()
	events, pending, bytes, err := a.propose(c, c.uncommitted, r)
	if r.err = err; err != nil {
		p.noops = append(p.noops, r)
		return false, nil
	}
	if len(p.pending) > 0 && (len(p.pending)+len(pending) > MaxAppendEvents || p.bytes+bytes > MaxAppendBytes) {
		return true, nil
	}
	c.uncommitted = a.decider.Fold(c.uncommitted, events...)
	r.view(c.uncommitted)
	if len(events) == 0 {
		p.noops = append(p.noops, r)
		return false, nil
	}
	p.events, p.pending, p.bytes = append(p.events, events...), append(p.pending, pending...), p.bytes+bytes
	r.out = Result{Version: c.committed.version + eventlog.Version(len(p.pending)), Events: len(events)}
	p.writes = append(p.writes, r)
	return false, nil
}

// propose decides and encodes one request. Events that no log accepts are refused
// here, so that one request fails and not the batch.
func (a *Aggregate[S, E]) propose(c *cacheEntry[S, E], s S, r *request[S, E]) (events []E, pending []eventlog.Pending, bytes int, err error) {
	if r.decide == nil {
		return nil, nil, 0, nil
	}
	if events, err = r.decide(s); err != nil || len(events) == 0 {
		return nil, nil, 0, err
	}
	if len(events) > MaxAppendEvents {
		return nil, nil, 0, domain.Errorf(domain.Invalid, "The request causes %d events; at most %d are stored at once.", len(events), MaxAppendEvents)
	}
	pending = make([]eventlog.Pending, len(events))
	for i, e := range events {
		if pending[i], err = a.codec.Encode(e); err != nil {
			return nil, nil, 0, err
		}
		pending[i].ID = eventID(r.cause.Command, c.stream, i, pending[i].Data)
		pending[i].Meta = r.cause.meta()
		bytes += len(pending[i].Data)
	}
	return events, pending, bytes, eventlog.CheckAppend(c.stream, c.committed.version, pending)
}

// eventID is derived from the command, the data and the index. The data is in
// it so that events with the same id are the same: a process with a stale
// state whose append is recognised as a repeat then has the right state.
func eventID(command string, s eventlog.Stream, i int, data []byte) eventlog.EventID {
	sum := sha256.Sum256(data)
	return eventlog.NewEventID(command+"\x00"+string(sum[:]), s, i)
}

// append makes a proposal durable and answers its writes. After an error no request
// is answered, and the uncommitted state is discarded; if the append may have
// happened, the whole entry is invalidated.
func (a *Aggregate[S, E]) append(ctx context.Context, c *cacheEntry[S, E], p *proposal[S, E]) error {
	before := a.endOfLog(ctx, c)
	at, err := a.store.Append(ctx, c.stream, c.committed.version, p.pending...)
	if err != nil {
		switch err = withKind(err, domain.Unknown, "It is not known whether the request was stored; send it again to find out"); domain.KindOf(err) {
		case domain.Conflict, domain.Unavailable, domain.ReadOnly, domain.Invalid:
			c.discardUncommitted()
		default:
			c.invalidate()
		}
		return err
	}
	a.stats.appended(len(p.writes), len(p.events))
	a.commit(c, p, at)
	if at.Position > before { // above everything stored before, so not a repeat
		c.updateCommitted(func(h *committedState[S]) { h.verified = true })
	}
	for _, r := range p.writes {
		r.out.Position = at.Position
		r.answer(r.out, nil)
	}
	a.maybeSnapshot(c)
	return nil
}

// endOfLog returns the end of the log. An append that gets a higher position was not
// a repeat, so nothing follows it in its stream. Where that is not needed or not
// known, endOfLog returns a position above every append.
func (a *Aggregate[S, E]) endOfLog(ctx context.Context, c *cacheEntry[S, E]) eventlog.Position {
	if a.opts.SingleWriter && !c.committed.verified {
		if log, ok := a.store.(eventlog.EndReader); ok {
			if end, err := log.End(ctx); err == nil {
				return end
			}
		}
	}
	return math.MaxInt64
}

// commit updates the committed state after a durable append.
func (a *Aggregate[S, E]) commit(c *cacheEntry[S, E], p *proposal[S, E], at eventlog.Appended) {
	c.weight += p.bytes
	c.updateCommitted(func(h *committedState[S]) {
		if a.decider.Clone == nil {
			h.state = c.uncommitted
		} else {
			h.state = a.decider.Fold(h.state, p.events...)
		}
		h.version, h.position, h.last = at.Version, at.Position, p.pending[len(p.pending)-1].ID
		h.known, h.readAt = true, time.Now()
	})
}
