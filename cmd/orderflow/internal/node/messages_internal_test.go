package node

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"

	"orderflow/domain"
)

// A relay that another process has overtaken waits for its lease again; one that
// cannot go on ends the process with its failure.
func TestARelayThatCannotGoOnIsTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &App{leases: alone{}, Logger: slog.New(slog.DiscardHandler)}
		runs := 0
		err := a.whileHolding(t.Context(), roleRelay, func(context.Context, int64) error {
			if runs++; runs < 3 {
				return domain.Errorf(domain.Conflict, "another relay holds the lease")
			}
			return domain.Errorf(domain.Internal, "the log is broken")
		})
		if domain.KindOf(err) != domain.Internal || runs != 3 {
			t.Errorf("after %d runs it ended with %v", runs, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		err = a.whileHolding(ctx, roleRelay, func(ctx context.Context, _ int64) error {
			cancel()
			<-ctx.Done()
			return ctx.Err()
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("told to end, it ended with %v", err)
		}
	})
}
