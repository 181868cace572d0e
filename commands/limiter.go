package commands

import (
	"context"
	"time"
)

// Limiter bounds the requests of one key in a sliding window. In any interval of the
// length of the window, all processes that share the limiter take together at most
// as many requests as the limit.
type Limiter interface {
	// Take counts one request of key if it is within the limit; others are not
	// counted. limit is at least 1 and window at least a millisecond; both may
	// change from call to call. An error is Unavailable: it is not known whether
	// the request is within the limit, and the caller decides whether to let it pass.
	Take(ctx context.Context, key string, limit int, window time.Duration) (Allowance, error)
}

// Allowance is the answer of a [Limiter] to one request.
type Allowance struct {
	OK        bool
	Limit     int           // requests in a window
	Remaining int           // requests left in the window, after this one
	Reset     time.Duration // until Remaining is Limit again, without further requests
	Retry     time.Duration // if not OK: until the next request is taken
}
