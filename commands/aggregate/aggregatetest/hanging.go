package aggregatetest

import (
	"context"
	"iter"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/memory"
)

// Hanging is a log in memory that delays every operation until the delay has
// passed or the context is done.
type Hanging struct {
	*memory.Log
	ReadDelay, AppendDelay time.Duration
	IgnoresContext         bool // waits for the whole delay
}

// Forever is longer than any caller waits for a log.
const Forever = time.Hour

func (h *Hanging) hang(ctx context.Context, d time.Duration) error {
	if h.IgnoresContext {
		ctx = context.WithoutCancel(ctx)
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return domain.Wrap(domain.Unknown, ctx.Err(), "The log hangs")
	}
}

// Append implements eventlog.Store.
func (h *Hanging) Append(ctx context.Context, s eventlog.Stream, v eventlog.Version, events ...eventlog.Pending) (eventlog.Appended, error) {
	if err := h.hang(ctx, h.AppendDelay); err != nil {
		return eventlog.Appended{}, err
	}
	return h.Log.Append(ctx, s, v, events...)
}

// Read implements eventlog.Store.
func (h *Hanging) Read(ctx context.Context, s eventlog.Stream, above eventlog.Version) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		if err := h.hang(ctx, h.ReadDelay); err != nil {
			yield(eventlog.Recorded{}, err)
			return
		}
		h.Log.Read(ctx, s, above)(yield)
	}
}
