package node

import (
	"context"

	"orderflow/commands"
	"orderflow/infra/edge"
	"orderflow/infra/memory"
	"orderflow/infra/redis"
	"orderflow/infra/telemetry"
	"orderflow/projections"
	"orderflow/readmodels"
)

// openRedis connects to what the processes of a fleet share to be fast. It is
// no error that it is away: then everything is as true, and slower.
func (a *App) openRedis(ctx context.Context) (err error) {
	if len(a.Config.Redis) == 0 {
		return nil
	}
	if a.redis, err = redis.Open(ctx, redis.Options{URLs: a.Config.Redis, Prefix: a.Config.Topics, Logger: a.Logger}); err != nil {
		return err
	}
	a.onClose(a.redis.Close)
	return nil
}

// mirror is shown the rows that are committed; nil without a mirror.
func (a *App) mirror() projections.Mirror {
	if a.redis == nil || !a.Config.Roles.projects() {
		return nil
	}
	return a.redis.Mirror()
}

// orders answers about orders: from Redis what Redis has, else from the views.
func (a *App) orders() readmodels.Orders {
	if a.redis == nil {
		return a.Views
	}
	return a.redis.Orders(a.Views, a.ViewProgress.Stands)
}

// stocks answers about stock likewise.
func (a *App) stocks() readmodels.Stocks {
	if a.redis == nil {
		return a.Views
	}
	return a.redis.Stocks(a.Views, a.ViewProgress.Stands)
}

// limiter bounds the rate of requests of a caller: over all processes where
// they share Redis, else of this one.
func (a *App) limiter() commands.Limiter {
	if a.redis == nil {
		return memory.NewLimiter(nil)
	}
	return a.redis.Limiter()
}

// edgeObserver counts what becomes of requests at the edge.
func (a *App) edgeObserver() edge.Observer {
	m := a.metrics.Load()
	return edge.Observer{
		Authenticated: m.Authenticated,
		Refused:       func(reason edge.Reason) { m.Unauthenticated(string(reason)) },
		Limited:       m.RateLimited, LimiterFailed: m.LimiterFailed, Fetched: m.KeysFetched,
	}
}

// sharedFigures are how Redis fares.
func (a *App) sharedFigures() telemetry.SharedFigures {
	s := a.redis.Stats()
	return telemetry.SharedFigures{
		Hits: s.Hits, Absent: s.Absent, Older: s.Older, Calls: s.Calls,
		Failures: map[string]int64{"timeout": s.Timeouts, "network": s.Network, "refused": s.Refused, "skipped": s.Skipped},
		Mirrored: s.Mirrored, Missed: s.Missed + s.Dropped,
	}
}
