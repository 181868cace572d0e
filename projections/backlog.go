package projections

import (
	"context"
	"sync"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Limits of a look at the events that a group has not applied.
const (
	// MaxLagEvents bounds the events that are counted as lag: more tell nothing
	// more, and reading them costs the log.
	MaxLagEvents = 1_000
	// maxLookTime bounds the look at a running group: where the log has a million
	// events of others it takes longer, and the next look is as good.
	maxLookTime = 500 * time.Millisecond
)

// backlog knows the first events of a group that are not applied. It remembers
// what it read, so that it reads no event of the log twice while the group
// moves forward.
type backlog struct {
	log   Log
	group Group

	mu      sync.Mutex
	at      eventlog.Position // of the group, at the last look
	looked  eventlog.Position // up to where waiting is complete
	waiting []waiting         // events above at, in order; at most MaxLagEvents
	refused eventlog.Position // that the log does not have; 0 if none
}

// waiting is an event that is not applied.
type waiting struct {
	position eventlog.Position
	stored   time.Time
}

func newBacklog(log Log, g Group) *backlog { return &backlog{log: log, group: g} }

// look returns how many events of the group lie above at up to end, at most
// [MaxLagEvents], and the first of them; zero if there is none. If at is no
// position of the log, all its events lie above. If the look takes longer than
// limit, which may be 0 for none, it returns what it has seen.
func (b *backlog) look(ctx context.Context, at, end eventlog.Position, limit time.Duration) (n int, first waiting, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if at == b.refused {
		at = 0
	}
	err = b.lookAbove(ctx, at, end, limit)
	if domain.KindOf(err) == domain.Invalid {
		b.refused = at
		err = b.lookAbove(ctx, 0, end, limit)
	}
	if err != nil || len(b.waiting) == 0 {
		return 0, waiting{}, err
	}
	return len(b.waiting), b.waiting[0], nil
}

func (b *backlog) lookAbove(ctx context.Context, at, end eventlog.Position, limit time.Duration) error {
	if at < b.at {
		b.looked, b.waiting = 0, nil
	}
	b.at, b.looked = at, max(at, b.looked)
	for len(b.waiting) > 0 && b.waiting[0].position <= at {
		b.waiting = b.waiting[1:]
	}
	return b.read(ctx, end, limit)
}

func (b *backlog) read(ctx context.Context, end eventlog.Position, limit time.Duration) error {
	if b.looked >= end || len(b.waiting) >= MaxLagEvents {
		return nil
	}
	bounded, cancel := context.WithCancel(ctx)
	if limit > 0 {
		bounded, cancel = context.WithTimeout(ctx, limit)
	}
	defer cancel()
	for r, err := range b.log.ReadAll(bounded, b.looked, b.group.Categories...) {
		switch {
		case err != nil && bounded.Err() != nil && ctx.Err() == nil:
			return nil
		case err != nil:
			return err
		case r.Position > end:
			b.looked = end
			return nil
		}
		b.waiting = append(b.waiting, waiting{r.Position, r.At})
		if b.looked = r.Position; len(b.waiting) == MaxLagEvents {
			return nil
		}
	}
	b.looked = max(b.looked, end)
	return nil
}

// first is the position of the first event that was not applied at the last
// look; 0 if there is none.
func (b *backlog) first() eventlog.Position {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) == 0 {
		return 0
	}
	return b.waiting[0].position
}
