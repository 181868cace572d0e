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

// processQueue answers the requests of c, batch by batch, until the queue is empty.
func (a *Aggregate[S, E]) processQueue(c *cacheEntry[S, E]) {
	defer a.cache.release(c)
	for {
		if c.contention > 0 {
			runtime.Gosched() // callers that were just answered send again: let them join the next batch
		}
		batch := c.nextBatch()
		if batch == nil {
			return
		}
		a.processBatch(c, batch)
	}
}

// processBatch answers a batch. It has a time limit of its own, so that the
// deadline of one caller does not fail the others.
// See docs/adr/001.
func (a *Aggregate[S, E]) processBatch(c *cacheEntry[S, E], batch []*request[S, E]) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(batch[0].ctx), BatchTimeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			c.invalidate()
			refuse(batch, errPanic(p))
		}
	}()
	if !c.committed.known && !c.partial && batch[0].cause.Fresh && a.appendWithoutRead(ctx, c, batch[0]) {
		c.putBack(batch[1:])
		return
	}
	read := false
	if !c.committed.known {
		if err := a.readWhole(ctx, c); err != nil {
			refuse(batch, err)
			return
		}
		read = true
	}
	for range MaxAttempts {
		if batch, read = a.attempt(ctx, c, batch, read); len(batch) == 0 {
			return
		}
	}
	c.invalidate() // endless conflicts may also mean that the log was restored from an older backup
	refuse(batch, domain.Errorf(domain.Conflict, "Other processes changed %s during all of %d attempts; try again.", c.stream, MaxAttempts))
}

// attempt decides a batch, appends, and answers. It returns the requests that must
// be decided again, and whether the stream was read to its end just now.
func (a *Aggregate[S, E]) attempt(ctx context.Context, c *cacheEntry[S, E], batch []*request[S, E], read bool) ([]*request[S, E], bool) {
	p := a.decideAll(c, batch)
	if len(p.pending) > 0 {
		switch err := a.append(ctx, c, p); {
		case err == nil:
			read = false
		case domain.KindOf(err) == domain.Conflict:
			a.stats.conflicts.Add(1)
			if err := a.catchUp(ctx, c); err != nil {
				refuse(unanswered(batch), err)
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

// catchUp reads the events that made an append conflict. A stream that shows no
// events and refuses its first append MaxUnseen times in a row has hidden events,
// which is Incomplete.
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

// answerNoops answers the requests that append nothing, once it is verified that
// the stream ends where they were decided. Otherwise it returns them.
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

// appendWithoutRead decides on the empty state and appends without reading. It
// returns false if the stream is not new, and has to be read.
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

func unanswered[S any, E eventlog.Typed](batch []*request[S, E]) []*request[S, E] {
	var left []*request[S, E]
	for _, r := range batch {
		if !r.answered() {
			left = append(left, r)
		}
	}
	return left
}

func refuse[S any, E eventlog.Typed](batch []*request[S, E], err error) {
	for _, r := range unanswered(batch) {
		r.answer(Result{}, err)
	}
}

// withKind gives err a kind, unless it has one.
func withKind(err error, kind domain.Kind, text string) error {
	if _, ok := errors.AsType[*domain.Error](err); ok {
		return err
	}
	return domain.Wrap(kind, err, "%s", text)
}

func errPanic(p any) error {
	return domain.Wrap(domain.Internal, fmt.Errorf("panic: %v\n%s", p, debug.Stack()), "The request failed because of a bug in this program.")
}
