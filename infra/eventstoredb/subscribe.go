package eventstoredb

import (
	"context"
	"iter"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Subscribe implements eventlog.Store. It outlasts drops, restarts of the
// server and new leaders, for as long as they take; it ends with an error of
// another kind only when trying again is of no use, as when access is denied.
func (l *Log) Subscribe(ctx context.Context, above eventlog.Position, categories ...string) iter.Seq2[eventlog.Recorded, error] {
	return l.SubscribeWatermarked(ctx, above, nil, categories...)
}

// SubscribeWatermarked implements eventlog.Watermarked. The server's checkpoints
// are watermarks once they count (see place). The end of the log is measured
// before each subscription is opened, and is a watermark when the server says
// that it has caught up; so a subscriber hears of it on a log that is idle, too.
func (l *Log) SubscribeWatermarked(ctx context.Context, above eventlog.Position, passed func(eventlog.Watermark), categories ...string) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		filter, err := filterFor(categories)
		if err != nil {
			yield(eventlog.Recorded{}, err)
			return
		}
		s := newSubscription(l, l.subs, operationSubscribe, above)
		s.filter, s.faults, s.passed = filter, maxSubscribeFaults, passed
		s.keeps(categories, yield)
		err = l.subscribe(ctx, s)
		if err != nil {
			yield(eventlog.Recorded{}, err)
		}
	}
}

// subscribe runs a subscription, as long as there may be one more.
func (l *Log) subscribe(ctx context.Context, s *subscription) error {
	select {
	case l.held <- struct{}{}:
		defer func() { <-l.held }()
	default:
		return domain.Errorf(domain.Exhausted, "There are %d subscriptions to EventStoreDB already; there can be no more.", maxSubscriptions)
	}
	return l.run(ctx, s)
}

// run runs s until ctx is done or the log is closed; nil says that the reader
// wants no more, or that all was read.
func (l *Log) run(ctx context.Context, s *subscription) error {
	ctx2, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(l.ctx, func() { cancel(errClosed()) })()
	err := s.run(ctx2, cancel)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case ctx2.Err() != nil:
		return context.Cause(ctx2)
	}
	return err
}

// Reconnect drops the connections of subscriptions. Those under way go on from
// where they were, on the node that leads by then.
func (l *Log) Reconnect() { l.subs.dropAll() }
