package redis

import (
	"context"
	"errors"
	"net"
	"os"
	"sync/atomic"

	goredis "github.com/redis/go-redis/v9"

	"orderflow/domain"
	"orderflow/internal/breaker"
)

// Stats counts calls since the start, and what became of them.
type Stats struct {
	Calls    int64 // that were tried
	Timeouts int64 // took too long
	Network  int64 // no connection, or a connection that ended
	Refused  int64 // Redis answered with an error
	Skipped  int64 // not tried, because it failed before
	GivenUp  int64 // the caller went away

	Hits   int64 // rows that Redis answered
	Absent int64 // rows that were not there
	Older  int64 // rows older than the read watermark

	Mirrored int64 // rows written by the mirror, on all tags
	Epochs   int64 // new epochs of tags
	Dropped  int64 // batches that the mirror had no room for
	Missed   int64 // batches that did not reach a tag, for each tag
}

type counts struct {
	calls, timeouts, network, refused, skipped, givenUp atomic.Int64
	hits, absent, older                                 atomic.Int64
	mirrored, epochs, dropped, missed                   atomic.Int64
}

// Stats returns the counts.
func (r *Redis) Stats() Stats {
	c := &r.stats
	return Stats{
		Calls: c.calls.Load(), Timeouts: c.timeouts.Load(), Network: c.network.Load(), Refused: c.refused.Load(),
		Skipped: c.skipped.Load(), GivenUp: c.givenUp.Load(),
		Hits: c.hits.Load(), Absent: c.absent.Load(), Older: c.older.Load(),
		Mirrored: c.mirrored.Load(), Epochs: c.epochs.Load(), Dropped: c.dropped.Load(), Missed: c.missed.Load(),
	}
}

// call makes one call, bounded in time, unless the breaker of its keys is open.
// A missing key is no failure: f must not return goredis.Nil.
func (r *Redis) call(ctx context.Context, lane int, f func(context.Context) error) error {
	b := r.breaker(lane)
	permit, ok := b.Acquire()
	if !ok {
		r.stats.skipped.Add(1)
		return domain.Errorf(domain.Unavailable, "Redis failed %d times in a row; it is not called for up to %s.", maxFailures, openFor)
	}
	r.stats.calls.Add(1)
	bounded, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	v := breaker.Failed
	defer func() { b.Settle(permit, v) }()
	err := f(bounded)
	switch {
	case err == nil:
		v = breaker.Succeeded
		return nil
	case ctx.Err() != nil:
		r.stats.givenUp.Add(1)
		v = breaker.TryNext // it says nothing about Redis
	default:
		r.count(err)
	}
	return unavailable(err)
}

// count sorts a failure by its kind. In a cluster it may be that another
// master serves the keys now: go-redis looks only once a minute, or when a
// living node says so, and a dead one does not.
func (r *Redis) count(err error) {
	if c, ok := r.client.(*goredis.ClusterClient); ok {
		c.ReloadState(context.Background()) // in the background, five times a second at most
	}
	var answered goredis.Error
	var network net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &network) && network.Timeout():
		r.stats.timeouts.Add(1)
	case errors.As(err, &answered):
		r.stats.refused.Add(1)
	default:
		r.stats.network.Add(1)
	}
}
