package aggregate

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// run answers whatever waits for c until nothing does.
func (a *Aggregate[S, E]) processQueue(c *cacheEntry[S, E]) {
	defer a.cache.release(c)
	for {
		if c.contention > 0 {
			runtime.Gosched() // those just answered come again: let them in before the next append
		}
		group := c.nextBatch()
		if group == nil {
			return
		}
		a.processBatch(c, group)
	}
}

// settle answers a group. One caller's patience must not cost the others
// theirs, so it has a time limit of its own.
func (a *Aggregate[S, E]) processBatch(c *cacheEntry[S, E], group []*request[S, E]) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(group[0].ctx), RoundTimeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			c.invalidate()
			refuse(group, errPanic(p))
		}
	}()
	if !c.committed.known && !c.partial && group[0].cause.Fresh && a.appendWithoutRead(ctx, c, group[0]) {
		c.putBack(group[1:])
		return
	}
	read := false
	if !c.committed.known {
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
	c.invalidate() // whoever is always first may also be a log that was set back
	refuse(group, domain.Errorf(domain.Conflict, "Others changed %s %d times in between; try again.", c.stream, MaxAttempts))
}

// attempt decides for a group, appends, and answers. It returns those that
// must be decided again, and whether the stream was read to its end just now.
func (a *Aggregate[S, E]) attempt(ctx context.Context, c *cacheEntry[S, E], group []*request[S, E], read bool) ([]*request[S, E], bool) {
	p := a.decideAll(c, group)
	if len(p.pending) > 0 {
		switch err := a.append(ctx, c, p); {
		case err == nil:
			read = false
		case domain.KindOf(err) == domain.Conflict:
			a.stats.conflicts.Add(1)
			if err := a.catchUp(ctx, c); err != nil {
				refuse(unanswered(group), err)
				return nil, false
			}
			c.putBack(p.overflow)
			return unanswered(p.decided), true
		default:
			refuse(p.decided, err)
			c.putBack(p.overflow)
			return nil, false
		}
	}
	c.putBack(p.overflow)
	return a.answerNoops(ctx, c, p.noops, read)
}

// catchUp reads what came first after an append was refused. A stream that
// holds nothing to be read and again and again refuses to be begun has hidden
// events: that is Incomplete.
func (a *Aggregate[S, E]) catchUp(ctx context.Context, c *cacheEntry[S, E]) error {
	n, err := a.readTail(ctx, c)
	if err != nil {
		return err
	}
	if n > 0 || c.committed.version > 0 {
		c.unseen = 0
		return nil
	}
	if c.unseen++; c.unseen < MaxUnseen {
		return nil
	}
	c.invalidate()
	return eventlog.ErrIncomplete(c.stream, 1, 0)
}

// answerQuiet answers those that append nothing, if what they saw is surely
// the end of the stream; otherwise it returns them.
func (a *Aggregate[S, E]) answerNoops(ctx context.Context, c *cacheEntry[S, E], quiet []*request[S, E], read bool) ([]*request[S, E], bool) {
	if len(quiet) == 0 {
		return nil, read
	}
	if !read && (!a.opts.SingleWriter || !c.committed.verified) {
		n, err := a.readTail(ctx, c)
		switch {
		case err != nil:
			refuse(quiet, err)
			return nil, false
		case n > 0:
			return quiet, true
		}
	}
	for _, r := range quiet {
		r.answer(Result{Version: c.committed.version, Position: c.committed.position}, r.err)
	}
	return nil, read
}

// blind decides on the empty state and appends without reading. False means
// that it came to nothing: the stream has to be read.
func (a *Aggregate[S, E]) appendWithoutRead(ctx context.Context, c *cacheEntry[S, E], r *request[S, E]) bool {
	c.updateCommitted(func(h *committedState[S]) { h.state = a.decider.Initial })
	p := a.decideAll(c, []*request[S, E]{r})
	if r.answered() {
		return true
	}
	if len(p.writes) == 0 {
		c.invalidate()
		return false
	}
	err := a.append(ctx, c, p)
	if err != nil && domain.KindOf(err) == domain.Conflict {
		a.stats.conflicts.Add(1)
		c.invalidate()
		return false
	}
	if err != nil {
		r.answer(Result{}, err)
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
		r.answer(Result{}, err)
	}
}

// kinded gives an error from outside a kind, unless it has one.
func withKind(err error, kind domain.Kind, text string) error {
	if _, ok := errors.AsType[*domain.Error](err); ok {
		return err
	}
	return domain.Wrap(kind, err, "%s", text)
}

func errPanic(p any) error {
	return domain.Wrap(domain.Internal, fmt.Errorf("panic: %v\n%s", p, debug.Stack()), "The request met a fault in this program.")
}
