package eventstoredb

import (
	"context"
	"sync"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// tail remembers how far the log was looked at, so that the server's own events
// at its end are looked at once.
type tail struct {
	mu     sync.Mutex
	newest uint64            // position of the newest event there was, of any kind
	last   eventlog.Position // of the last event up to there that is not the server's own
}

func (t *tail) get() (newest uint64, last eventlog.Position) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.newest, t.last
}

func (t *tail) set(newest uint64, last eventlog.Position) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if newest > t.newest {
		t.newest, t.last = newest, last
	}
}

func (t *tail) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.newest, t.last = 0, 0
}

// End implements eventlog.Ended: the position of the last event that is not the
// server's own.
func (l *Log) End(ctx context.Context) (eventlog.Position, error) {
	limit, cancel := context.WithTimeout(ctx, l.opts.Timeout)
	defer cancel()
	seen, last := l.tail.get()
	newest, first := uint64(0), true
	for from, count := source(all{esdb.End{}}), uint64(1); ; count = tailEvents {
		p, err := l.fetch(limit, esdb.Backwards, from, count)
		switch {
		case ctx.Err() != nil:
			return 0, ctx.Err()
		case err != nil && limit.Err() != nil:
			return 0, domain.Wrap(domain.Unavailable, err, "EventStoreDB at %s has too many events of its own at the end of the log", l.Name())
		case err != nil:
			return 0, err
		}
		for _, e := range p.events {
			at := e.Position.Commit
			if first {
				newest, first = at, false
				if at < seen { // the log was set back
					l.tail.forget()
					seen = 0
				}
			}
			if at <= seen {
				l.tail.set(newest, last)
				return last, nil
			}
			if wanted(e, nil) {
				found, err := position(at)
				l.tail.set(newest, found)
				return found, err
			}
		}
		if !p.full {
			l.tail.set(newest, 0)
			return 0, nil
		}
		from = all{p.events[len(p.events)-1].Position}
	}
}
