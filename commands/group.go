package commands

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// run answers whatever waits for c until nothing does.
func (a *Aggregate[S, E]) run(c *cell[S, E]) {
	defer a.cells.release(c)
	for {
		if c.crowded {
			runtime.Gosched() // those just answered come again: let them in before the next append
		}
		group := c.take()
		if group == nil {
			return
		}
		a.settle(c, group)
	}
}

// settle answers a group. One caller's patience must not cost the others
// theirs, so it has a time limit of its own.
func (a *Aggregate[S, E]) settle(c *cell[S, E], group []*request[S, E]) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(group[0].ctx), RoundTimeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			c.forget()
			refuse(group, errPanic(p))
		}
	}()
	if !c.head.known && group[0].cause.Fresh && a.blind(ctx, c, group[0]) {
		c.putBack(group[1:])
		return
	}
	read := false
	if !c.head.known {
		if err := a.readWhole(ctx, c); err != nil {
			refuse(group, err)
			return
		}
		read = true
	}
	for range MaxAttempts {
		if group, read = a.attempt(ctx, c, group, read); len(group) == 0 {
			return
		}
	}
	c.forget() // whoever is always first may also be a log that was set back
	refuse(group, domain.Errorf(domain.Conflict, "Others changed %s %d times in between; try again.", c.stream, MaxAttempts))
}

// attempt decides for a group, appends, and answers. It returns those that
// must be decided again, and whether the stream was read to its end just now.
func (a *Aggregate[S, E]) attempt(ctx context.Context, c *cell[S, E], group []*request[S, E], read bool) ([]*request[S, E], bool) {
	p := a.decideAll(c, group)
	if len(p.pending) > 0 {
		switch err := a.append(ctx, c, p); {
		case err == nil:
			read = false
		case domain.KindOf(err) == domain.Conflict:
			a.stats.conflicts.Add(1)
			if _, err := a.readTail(ctx, c); err != nil {
				refuse(unanswered(group), err)
				return nil, false
			}
			c.putBack(p.rest)
			return unanswered(p.decided), true
		default:
			refuse(p.decided, err)
			c.putBack(p.rest)
			return nil, false
		}
	}
	c.putBack(p.rest)
	return a.answerQuiet(ctx, c, p.quiet, read)
}

// answerQuiet answers those that append nothing, if what they saw is surely
// the end of the stream; otherwise it returns them.
func (a *Aggregate[S, E]) answerQuiet(ctx context.Context, c *cell[S, E], quiet []*request[S, E], read bool) ([]*request[S, E], bool) {
	if len(quiet) == 0 {
		return nil, read
	}
	if !read && (!a.opts.Alone || !c.head.proved) {
		n, err := a.readTail(ctx, c)
		switch {
		case err != nil:
			refuse(quiet, err)
			return nil, false
		case n > 0:
			return quiet, true
		}
	}
	at := eventlog.Appended{Version: c.head.version, Position: c.head.position}
	for _, r := range quiet {
		r.answer(outcome{Appended: at}, r.err)
	}
	return nil, read
}

// proposal is what a group wants to append.
type proposal[S any, E eventlog.Typed] struct {
	decided []*request[S, E] // loud and quiet, in order
	loud    []*request[S, E] // whose events these are
	quiet   []*request[S, E] // that append nothing; err is set where the decision refused
	rest    []*request[S, E] // for which there was no room

	events  []E
	pending []eventlog.Pending
	bytes   int
}

// decideAll decides one after the other on what those before lead to. A
// decision that panics is answered at once, and the others start afresh.
func (a *Aggregate[S, E]) decideAll(c *cell[S, E], group []*request[S, E]) *proposal[S, E] {
	group = unanswered(group)
restart:
	p := &proposal[S, E]{}
	if !c.drafted {
		c.draft, c.drafted = a.decider.Copy(c.head.state), true
	}
	for i, r := range group {
		full, broken := a.decideOne(c, p, r)
		if broken != nil {
			c.spoil()
			r.answer(outcome{}, broken)
			group = unanswered(group)
			goto restart
		}
		if full {
			p.rest = group[i:]
			break
		}
		p.decided = append(p.decided, r)
	}
	return p
}

// decideOne adds what follows from one request; full means there is no room
// for it. Broken is a panic, after which the draft cannot be trusted.
func (a *Aggregate[S, E]) decideOne(c *cell[S, E], p *proposal[S, E], r *request[S, E]) (full bool, broken error) {
	defer func() {
		if caught := recover(); caught != nil {
			broken = errPanic(caught)
		}
	}()
	events, pending, bytes, err := a.propose(c, c.draft, r)
	if r.err = err; err != nil {
		p.quiet = append(p.quiet, r)
		return false, nil
	}
	if len(p.pending) > 0 && (len(p.pending)+len(pending) > eventlog.MaxAppendEvents || p.bytes+bytes > MaxAppendBytes) {
		return true, nil
	}
	c.draft = a.decider.Fold(c.draft, events...)
	r.view(c.draft)
	if len(events) == 0 {
		p.quiet = append(p.quiet, r)
		return false, nil
	}
	p.events, p.pending, p.bytes = append(p.events, events...), append(p.pending, pending...), p.bytes+bytes
	r.out = outcome{Appended: eventlog.Appended{Version: c.head.version + eventlog.Version(len(p.pending))}, appended: true}
	p.loud = append(p.loud, r)
	return false, nil
}

// propose decides and encodes; what no log accepts is refused here, where it
// is one request's failure and not the group's.
func (a *Aggregate[S, E]) propose(c *cell[S, E], s S, r *request[S, E]) (events []E, pending []eventlog.Pending, bytes int, err error) {
	if r.decide == nil {
		return nil, nil, 0, nil
	}
	if events, err = r.decide(s); err != nil || len(events) == 0 {
		return nil, nil, 0, err
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
	return events, pending, bytes, eventlog.CheckAppend(c.stream, c.head.version, pending)
}

// eventID is derived from the command, the data and the index. The data is in
// it so that events with the same id are the same: a process with a stale
// state whose append is recognised as a repeat then has the right state.
func eventID(command string, s eventlog.Stream, i int, data []byte) eventlog.EventID {
	sum := sha256.Sum256(data)
	return eventlog.NewEventID(command+"\x00"+string(sum[:]), s, i)
}

// append makes a proposal durable and answers the loud. After an error
// everything not answered is as before, and what cannot be known is forgotten.
func (a *Aggregate[S, E]) append(ctx context.Context, c *cell[S, E], p *proposal[S, E]) error {
	at, err := a.store.Append(ctx, c.stream, c.head.version, p.pending...)
	if err != nil {
		switch err = kinded(err, domain.Unknown, "It is not known whether the request was stored; send it again to find out."); domain.KindOf(err) {
		case domain.Conflict, domain.Unavailable, domain.ReadOnly, domain.Invalid:
			c.spoil()
		default:
			c.forget()
		}
		return err
	}
	a.stats.appended(len(p.loud), len(p.events))
	a.commit(c, p, at)
	for _, r := range p.loud {
		r.out.Position = at.Position
		r.answer(r.out, nil)
	}
	a.maybeSnapshot(c)
	return nil
}

// commit moves the head to what is durable now.
func (a *Aggregate[S, E]) commit(c *cell[S, E], p *proposal[S, E], at eventlog.Appended) {
	c.weight += p.bytes
	c.set(func(h *head[S]) {
		if a.decider.Clone == nil {
			h.state = c.draft
		} else {
			h.state = a.decider.Fold(h.state, p.events...)
		}
		h.version, h.position, h.last = at.Version, at.Position, p.pending[len(p.pending)-1].ID
		h.known, h.readAt = true, time.Now()
	})
}

// blind decides on the empty state and appends without reading. False means
// that it came to nothing: the stream has to be read.
func (a *Aggregate[S, E]) blind(ctx context.Context, c *cell[S, E], r *request[S, E]) bool {
	c.set(func(h *head[S]) { h.state = a.decider.Initial })
	p := a.decideAll(c, []*request[S, E]{r})
	if r.answered() {
		return true
	}
	if len(p.loud) == 0 {
		c.forget()
		return false
	}
	err := a.append(ctx, c, p)
	if err != nil && domain.KindOf(err) == domain.Conflict {
		a.stats.conflicts.Add(1)
		c.forget()
		return false
	}
	if err != nil {
		r.answer(outcome{}, err)
	}
	return true
}

func unanswered[S any, E eventlog.Typed](group []*request[S, E]) []*request[S, E] {
	var left []*request[S, E]
	for _, r := range group {
		if !r.answered() {
			left = append(left, r)
		}
	}
	return left
}

func refuse[S any, E eventlog.Typed](group []*request[S, E], err error) {
	for _, r := range unanswered(group) {
		r.answer(outcome{}, err)
	}
}

// kinded gives an error from outside a kind, unless it has one.
func kinded(err error, kind domain.Kind, text string) error {
	if _, ok := errors.AsType[*domain.Error](err); ok {
		return err
	}
	return domain.Wrap(kind, err, "%s", text)
}

func errPanic(p any) error {
	return domain.Wrap(domain.Internal, fmt.Errorf("panic: %v\n%s", p, debug.Stack()), "The request met a fault in this program.")
}
