package node

import (
	"context"
	"time"

	"orderflow/domain"
	"orderflow/following"
	"orderflow/internal/pause"
)

// leases let one of several processes do a work; see postgres.Leases.
type leases interface {
	Hold(ctx context.Context, name string, work func(ctx context.Context, token int64) error) error
}

// alone holds every lease: there is no other process.
type alone struct{}

// Hold implements leases.
func (alone) Hold(ctx context.Context, _ string, work func(context.Context, int64) error) error {
	return work(ctx, 1)
}

// whileHolding does a work whenever its lease is this process's, until ctx is
// done: a lease that was lost is asked for again. Work that failed for good, by
// the table of package following, is not begun again; its error is returned.
func (a *App) whileHolding(ctx context.Context, lease role, work func(ctx context.Context, token int64) error) error {
	for {
		err := a.leases.Hold(ctx, string(lease), work)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if kind := domain.KindOf(err); err != nil && following.RemedyFor(kind) == following.End {
			return domain.Wrap(kind, err, "The work of the lease %s failed", lease)
		}
		a.Logger.WarnContext(ctx, "the work of a lease ended and is taken up again", "lease", string(lease), "error", err)
		if err := pause.For(ctx, leaseAgain); err != nil {
			return err
		}
	}
}

// leaseAgain is how long a process that lost a lease waits before it asks for it again.
const leaseAgain = 500 * time.Millisecond
