package sagas

import (
	"context"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// saveProgress tells every CheckpointEvery how far the saga is, if anything asks
// for it: a store of checkpoints, or a watch that compares it with the log's end.
func (d *Driver) saveProgress(ctx context.Context) {
	if _, watched := d.Feed.(eventlog.EndReader); d.lanes.tracksEvents || d.Checkpoints == nil && !watched {
		return
	}
	ticker := time.NewTicker(CheckpointEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			d.checkpoint(ctx)
		}
	}
}

// checkpoint notes how far every event was dealt with, and saves it. The feed
// of a [Acker] keeps its own place, and its positions come in any order.
func (d *Driver) checkpoint(ctx context.Context) {
	switch {
	case d.lanes.tracksEvents:
		return
	case d.Checkpoints == nil:
		d.follower.Applied(d.lanes.handled().Position())
		return
	}
	at := d.follower.Checkpoint(ctx, d.lanes.handled())
	if err := d.Checkpoints.SaveCheckpoint(ctx, d.Saga.Name, at); err != nil && ctx.Err() == nil {
		d.Logger.WarnContext(ctx, "checkpoint not saved; events will be looked at again after a restart", "saga", d.Saga.Name, "error", err)
	}
}

// lacks reports, once for each order, that a stream lacks events: no look can
// decide anything until somebody restores them.
func (d *Driver) lacks(ctx context.Context, order domain.OrderID, err error) {
	d.mu.Lock()
	_, known := d.truncated[order]
	if len(d.truncated) < MaxTruncated {
		d.truncated[order] = struct{}{}
	}
	d.mu.Unlock()
	if known {
		return
	}
	if d.Observer.Incomplete != nil {
		d.Observer.Incomplete(d.Saga.Name)
	}
	d.Logger.ErrorContext(ctx, "an order stands still: its stream was truncated; restore the events from a backup, or settle the order by hand",
		"saga", d.Saga.Name, "order", string(order), "retry", LastRetry.String(), "error", err)
}

// restored forgets that a stream of the order lacked events.
func (d *Driver) restored(ctx context.Context, order domain.OrderID) {
	d.mu.Lock()
	_, known := d.truncated[order]
	delete(d.truncated, order)
	d.mu.Unlock()
	if known {
		d.Logger.InfoContext(ctx, "the stream of an order is whole again", "saga", d.Saga.Name, "order", string(order))
	}
}
