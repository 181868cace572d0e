package sagas

import (
	"context"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// saveProgress calls checkpoint every CheckpointEvery, if there is a store of
// checkpoints or a check of the lag that needs it.
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

// checkpoint records how far every event has been handled, and saves it. An [Acker]
// keeps its own place, and its positions come in any order.
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
		d.Logger.WarnContext(ctx, "the checkpoint was not saved; after a restart its events are handled again", "saga", d.Saga.Name, "error", err)
	}
}

// lacks reports, once for each order, that a stream lacks events: nothing can be
// decided until they are restored.
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
	d.Logger.ErrorContext(ctx, "an order is stalled because its stream was truncated; restore the events from a backup, or settle the order by hand",
		"saga", d.Saga.Name, "order", string(order), "retry", LastRetry.String(), "error", err)
}

// restored records that the streams of the order are whole again.
func (d *Driver) restored(ctx context.Context, order domain.OrderID) {
	d.mu.Lock()
	_, known := d.truncated[order]
	delete(d.truncated, order)
	d.mu.Unlock()
	if known {
		d.Logger.InfoContext(ctx, "the stream of an order is whole again", "saga", d.Saga.Name, "order", string(order))
	}
}
