package eventstoredb

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc/metadata"

	"orderflow/domain"
)

// work is one call of the library.
type work[T any] func(context.Context, *esdb.Client) (T, error)

// call runs f on the current client of p, for as long as attempt at most. An f
// that does not heed its context is left behind; it holds its slot and its
// client until it ends.
func call[T any](ctx context.Context, l *Log, p *clients, patience time.Duration, f work[T]) (v T, err error) {
	if err := ctx.Err(); err != nil {
		return v, notBegun(err)
	}
	if !l.begin() {
		return v, errClosed()
	}
	begun := false
	defer func() {
		if !begun {
			l.working.Done()
		}
	}()
	attempt, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	defer context.AfterFunc(l.ctx, cancel)()
	select {
	case l.slots <- struct{}{}:
	case <-attempt.Done():
		return v, notBegun(attempt.Err())
	}
	c, err := p.enter(attempt)
	if err != nil {
		<-l.slots
		return v, err
	}
	type outcome struct {
		v   T
		err error
	}
	ended := make(chan outcome, 1)
	onLeader := metadata.AppendToOutgoingContext(attempt, "requires-leader", "true") // the library means to, and forgets it
	moves := c.moves.Load()
	begun = true
	defer context.AfterFunc(c.dropped, cancel)() // another node leads: this one may never answer
	go func() {
		defer l.working.Done()
		defer func() { <-l.slots }()
		v, err := entered(onLeader, c, f)
		if err != nil && ctx.Err() == nil { // a caller who went away says nothing about the client
			p.learn(c, moves, failureOf(err))
		}
		p.release(c)
		ended <- outcome{v, err}
	}()
	select {
	case o := <-ended:
		return o.v, o.err
	case <-attempt.Done():
	}
	select {
	case o := <-ended: // both at once: the outcome says more
		return o.v, o.err
	default:
	}
	if ctx.Err() == nil {
		p.retire(c)
	}
	return v, attempt.Err()
}

// entered calls f, and opens the gate of c once the library has its connection.
func entered[T any](ctx context.Context, c *client, f work[T]) (T, error) {
	open := sync.OnceFunc(c.gate.RUnlock)
	defer open()
	return guarded(func() (T, error) { return f(&entering{ctx, open}, c.Client) })
}

// repeat makes calls until one goes well, none can, or ctx is done. The failure
// says whether any before the last may have done what was asked, after success
// as well.
func repeat[T any](ctx context.Context, l *Log, operation string, f work[T]) (v T, last failure, err error) {
	lost := false
	for n := 0; ; n++ {
		moved := l.lead.change()
		v, err = call(ctx, l, l.calls, l.opts.Timeout/attemptShare, f)
		if err == nil {
			return v, failure{lost: lost}, nil
		}
		last = failureOf(err)
		lost = lost || last.lost && !sentInPart(err)
		last.lost = lost
		if !last.again || last.kind == domain.Internal && n >= maxFaults || !l.pause(ctx, moved, operation, n, last) {
			return v, last, err
		}
	}
}

// pause waits before the call is made again, until moved is closed at the
// latest: another node leads. False says that there is no time left.
func (l *Log) pause(ctx context.Context, moved <-chan struct{}, operation string, n int, f failure) bool {
	if ctx.Err() != nil || l.ctx.Err() != nil {
		return false
	}
	l.opts.Hooks.Retried(operation, f.kind)
	if n == 0 && f.moved {
		return true // the client is connected to the new one already
	}
	t := time.NewTimer(jittered(n))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-moved:
		return true
	case <-ctx.Done():
	case <-l.ctx.Done():
	}
	return false
}

// failureOf is classify, for errors of this package too.
func failureOf(err error) failure {
	if e, ours := errors.AsType[*domain.Error](err); ours {
		return failure{kind: e.Kind, again: e.Kind == domain.Unavailable}
	}
	return classify(err)
}

func notBegun(cause error) error {
	return domain.Wrap(domain.Unavailable, cause, "Too many calls to EventStoreDB are under way; try again later")
}
