package commands

import (
	"context"
	"time"
)

// Limiter bounds how many requests somebody makes within a sliding window: of
// any interval as long as the window, at most as many are taken as the limit
// says, by all processes that share the limiter together.
type Limiter interface {
	// Take counts one request of key, if it is within the limit; one that is
	// not is not counted. limit is at least 1 and window at least a
	// millisecond; both belong to the key and may change. An error is
	// Unavailable: nothing is known, and who asks decides whether to let it pass.
	Take(ctx context.Context, key string, limit int, window time.Duration) (Allowance, error)
}

// Allowance is what a [Limiter] says to one request.
type Allowance struct {
	OK        bool
	Limit     int           // requests in a window
	Remaining int           // requests that would be taken now, after this one
	Reset     time.Duration // until Remaining is Limit again, if nothing more comes
	Retry     time.Duration // if not OK: until one more is taken
}
