package node

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"orderflow/cmd/orderflow/internal/audit"
	"orderflow/domain"
	"orderflow/internal/pause"
)

// watchViews returns why a view stands still, as soon as one does, or nil when
// ctx is done.
func (a *App) watchViews(ctx context.Context) error {
	for {
		if err := a.Runner.Broken(); err != nil {
			return err
		}
		if pause.For(ctx, brokenLookEvery) != nil {
			return nil
		}
	}
}

// brokenLookEvery is how often a node that runs for one purpose looks whether a
// view has broken, which its purpose may wait for in vain.
const brokenLookEvery = 500 * time.Millisecond

// While runs the node as long as f runs, and returns f's error or else the
// node's. If a part of the node ends first, or a view breaks, f's context is
// canceled, and the result is why.
func (a *App) While(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ran := make(chan error, 1)
	go func() {
		group, running := errgroup.WithContext(ctx)
		group.Go(func() error { return a.Run(running) })
		group.Go(func() error { return a.watchViews(running) })
		err := group.Wait()
		if err != nil {
			a.Logger.ErrorContext(ctx, "a part of the node has ended, so all of it ends", "kind", domain.KindOf(err).String(), "error", err)
		}
		ran <- err
		cancel()
	}()
	err := f(ctx)
	select {
	case ended := <-ran: // before f: what f says comes of that
		return audit.FirstErr(ended, err)
	default:
	}
	cancel()
	return audit.FirstErr(err, <-ran)
}
