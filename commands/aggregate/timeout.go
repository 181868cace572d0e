package aggregate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orderflow/domain"
)

// overdueError is the cause of a context of [Bounded] that timed out.
type overdueError struct{}

func (overdueError) Error() string { return fmt.Sprintf("no answer within %s", CommandTimeout) }
func (overdueError) Unwrap() error { return context.DeadlineExceeded }

// Bounded returns ctx with a deadline [CommandTimeout] from now, or ctx itself
// if it ends before: a command that decides about several streams has one
// deadline for all of them, which counts from its arrival.
func Bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if d, ok := ctx.Deadline(); ok && time.Until(d) <= CommandTimeout {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, CommandTimeout, overdueError{})
}

// errGivenUp returns the error of a request that was not carried out because its
// caller gave up or the log did not answer in time.
func errGivenUp(ctx context.Context) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, overdueError{}) {
		return domain.Wrap(domain.Unavailable, cause, "The event log did not answer within %s and the request was not carried out; send it again later", CommandTimeout)
	}
	return domain.Wrap(domain.Unavailable, cause, "The request was given up before it was carried out")
}
