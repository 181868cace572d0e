package eventstoredb

import (
	"context"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// End implements eventlog.EndReader: the position of the newest event of any kind,
// the server's own included. It reads one event.
func (l *Log) End(ctx context.Context) (eventlog.Position, error) {
	p, err := l.fetch(ctx, esdb.Backwards, all{esdb.End{}}, 1)
	if err != nil || len(p.events) == 0 {
		return 0, err
	}
	return position(p.events[0].Position.Commit)
}

// At implements eventlog.PositionFinder. It reads one event from p on.
func (l *Log) At(ctx context.Context, p eventlog.Position) (eventlog.Recorded, bool, error) {
	if p <= 0 {
		return eventlog.Recorded{}, false, nil
	}
	limit, cancel := context.WithTimeout(ctx, l.opts.Timeout)
	defer cancel()
	found, f, err := repeat(limit, l, operationRead, l.located(limit, p))
	switch {
	case ctx.Err() != nil:
		return eventlog.Recorded{}, false, ctx.Err()
	case err != nil && f.kind == domain.Invalid:
		return eventlog.Recorded{}, false, nil
	case err != nil:
		return eventlog.Recorded{}, false, l.give(operationRead, f, err)
	case len(found.events) == 0 || found.events[0].Position.Commit != uint64(p):
		return eventlog.Recorded{}, false, nil
	}
	r, err := recorded(found.events[0])
	return r, err == nil, err
}

// located returns the call that reads the event at p. A number that is no position
// makes EventStoreDB fail with the code that any exception has there. Whether it
// was that, a subscription from there says, which is refused as Invalid.
func (l *Log) located(ctx context.Context, p eventlog.Position) work[page] {
	read := l.page(esdb.Forwards, all{from(uint64(p))}, 1) //nolint:gosec // p is above 0
	return func(attempt context.Context, c *esdb.Client) (page, error) {
		found, err := read(attempt, c)
		if status.Code(err) != codes.Unknown {
			return found, err
		}
		for _, refused := range l.ReadAll(ctx, p) {
			if domain.KindOf(refused) == domain.Invalid {
				return page{}, refused
			}
			break
		}
		return found, err
	}
}
