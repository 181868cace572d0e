package eventstoredb

import (
	"context"
	"iter"
	"slices"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc/metadata"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// subscription is one Subscribe: where it is, through all drops.
type subscription struct {
	log        *Log
	filter     *esdb.SubscriptionFilter
	categories []string
	place      place
	yield      func(eventlog.Recorded, error) bool
	failures   int // in a row, without a message in between
}

// Subscribe implements eventlog.Store. It outlasts drops, restarts of the
// server and new leaders, for as long as they take; it ends with an error of
// another kind only when trying again is of no use, as when access is denied.
func (l *Log) Subscribe(ctx context.Context, above eventlog.Position, categories ...string) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		filter, err := filterFor(categories)
		if err != nil {
			yield(eventlog.Recorded{}, err)
			return
		}
		select {
		case l.held <- struct{}{}:
			defer func() { <-l.held }()
		default:
			yield(eventlog.Recorded{}, domain.Errorf(domain.Exhausted, "There are %d subscriptions to EventStoreDB already; there can be no more.", maxSubscriptions))
			return
		}
		ctx2, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(l.ctx, cancel)()
		s := &subscription{log: l, filter: filter, categories: categories, place: place{event: uint64(max(above, 0))}, yield: yield}
		err = s.run(ctx2)
		switch {
		case err == nil: // the reader has gone
		case ctx.Err() != nil:
			yield(eventlog.Recorded{}, ctx.Err())
		case l.ctx.Err() != nil:
			yield(eventlog.Recorded{}, errClosed())
		default:
			yield(eventlog.Recorded{}, err)
		}
	}
}

// filterFor has the server leave out what is not asked for. A prefix lets more
// through than the category ("order" as well as "orders"); the rest is done
// here. A category is all of a name without a dash, so its prefix has none.
func filterFor(categories []string) (*esdb.SubscriptionFilter, error) {
	if len(categories) == 0 {
		return &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Regex: `^[^\$]`}, nil
	}
	prefixes := slices.Compact(slices.Sorted(slices.Values(categories)))
	if len(prefixes) > maxPrefixes {
		return nil, domain.Errorf(domain.Invalid, "A subscription is to at most %d categories, not %d.", maxPrefixes, len(prefixes))
	}
	if prefixes[0] == "" { // the category of "-1"
		prefixes[0] = "-"
	}
	return &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: prefixes}, nil
}

// run subscribes again and again. It returns nil when the reader wants no more.
func (s *subscription) run(ctx context.Context) error {
	for {
		more, err := s.once(ctx)
		if !more && err == nil {
			return nil
		}
		f := failureOf(err)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		switch {
		case s.place.doubt(f):
		case !f.again, f.kind == domain.Internal && s.failures >= maxSubscribeFaults:
			return s.log.give("subscribe", f, err)
		}
		s.log.opts.Hooks.Dropped(f.kind)
		if !s.log.pause(ctx, "subscribe", s.failures, f) {
			return ctx.Err()
		}
		s.failures++
	}
}

// once subscribes and yields events until the subscription drops, or the
// reader wants no more.
func (s *subscription) once(ctx context.Context) (more bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c, err := s.log.subs.enter(ctx)
	if err != nil {
		return true, err
	}
	defer s.log.subs.release(c)
	sub, err := s.open(ctx, c)
	if err != nil {
		if ctx.Err() == nil && classify(err).retire {
			s.log.subs.retire(c)
		}
		return true, err
	}
	defer sub.Close() //nolint:errcheck // it never fails
	for {
		// Nothing but messages and the end of ctx end the waiting; that a silent
		// connection is dead the keep-alive finds out.
		m, err := guarded(func() (*esdb.SubscriptionEvent, error) { return sub.Recv(), nil })
		if err != nil {
			s.log.subs.retire(c)
			return true, err
		}
		if m.SubscriptionDropped != nil {
			return true, m.SubscriptionDropped.Error
		}
		s.failures = 0
		if more, err := s.take(m); !more || err != nil {
			return more, err
		}
	}
}

// open waits for the confirmation, for a while, and opens the gate of c. The
// library may be stuck where it heeds no context, so it gets a goroutine.
func (s *subscription) open(ctx context.Context, c *client) (*esdb.Subscription, error) {
	type opened struct {
		sub *esdb.Subscription
		err error
	}
	if !s.log.begin() {
		c.gate.RUnlock()
		return nil, errClosed()
	}
	done := make(chan opened, 1)
	options := esdb.SubscribeToAllOptions{
		From: s.place.start(), Filter: s.filter, MaxSearchWindow: searchWindow, CheckpointInterval: 1, RequiresLeader: true,
	}
	waiting, stop := context.WithCancel(metadata.AppendToOutgoingContext(ctx, "requires-leader", "true"))
	go func() {
		defer s.log.working.Done()
		sub, err := entered(waiting, c, func(ctx context.Context, c *esdb.Client) (*esdb.Subscription, error) {
			return c.SubscribeToAll(ctx, options)
		})
		done <- opened{sub, err}
	}()
	limit, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	select {
	case o := <-done:
		if o.err != nil {
			stop()
		} else {
			context.AfterFunc(ctx, stop)
		}
		return o.sub, o.err
	case <-limit.Done():
		stop()
		return nil, limit.Err()
	}
}

// take handles one message; more = false says that the reader has gone.
func (s *subscription) take(m *esdb.SubscriptionEvent) (more bool, err error) {
	switch {
	case m.CheckPointReached != nil:
		s.place.checkpoint(m.CheckPointReached.Commit)
	case m.EventAppeared != nil:
		e := m.EventAppeared.OriginalEvent()
		if e == nil {
			return true, domain.Errorf(domain.Internal, "EventStoreDB at %s sent an event that is none", s.log.Name())
		}
		if !s.place.pass(e.Position.Commit) || !wanted(e, s.categories) {
			return true, nil
		}
		r, err := recorded(e)
		if err != nil {
			return true, err
		}
		return s.yield(r, nil), nil
	}
	return true, nil // it has caught up, or fallen behind
}
