package eventstoredb

import (
	"context"
	"iter"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// ReadAll implements eventlog.Store. The library's reading of $all cannot have
// the server leave out what is not asked for; its subscriptions can. So this is
// one that ends at what was the end of the log when it began. It goes on after
// drops and with new leaders as a subscription does, and ends with Unavailable
// when nothing came for the time of an operation.
//
// A slow reader holds one stream on the server, with a buffer that is bounded
// there and here.
func (l *Log) ReadAll(ctx context.Context, above eventlog.Position, categories ...string) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		filter, err := filterFor(categories)
		if err != nil {
			yield(eventlog.Recorded{}, err)
			return
		}
		s := newSubscription(l, l.scans, operationRead, above)
		s.filter = filter
		s.keeps(categories, yield)
		if err := l.scan(ctx, s); err != nil {
			yield(eventlog.Recorded{}, err)
		}
	}
}

// scan runs a subscription that ends. It waits for its turn as long as an
// operation may take.
func (l *Log) scan(ctx context.Context, s *subscription) error {
	s.faults = maxFaults
	turn, cancel := context.WithTimeout(ctx, l.opts.Timeout)
	defer cancel()
	defer context.AfterFunc(l.ctx, cancel)()
	select {
	case l.reading <- struct{}{}:
		defer func() { <-l.reading }()
	case <-turn.Done():
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case l.ctx.Err() != nil:
			return errClosed()
		}
		return domain.Errorf(domain.Exhausted, "There are %d readings of EventStoreDB already, and none ended in %s; try again later.", maxReadings, l.opts.Timeout)
	}
	begun := time.Now()
	err := l.run(ctx, s)
	l.opts.Hooks.Read(s.kept, time.Since(begun))
	return err
}
