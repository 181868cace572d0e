package sagas

import (
	"context"
	"errors"
	"sync"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/following"
	"orderflow/internal/backoff"
	"orderflow/internal/pool"
)

// Run drives the saga until ctx is done or the feed fails for good. When it
// returns, nothing of it runs any more.
//
// Run subscribes again to a feed that fails, as following.RemedyFor says. If the log
// no longer matches the checkpoint, Run reads from the first event and reacts to
// every order.
func (d *Driver) Run(ctx context.Context) error {
	d.running.Store(true)
	defer d.running.Store(false)
	var from eventlog.Checkpoint
	if d.Checkpoints != nil {
		var err error
		if from, err = d.Checkpoints.LoadCheckpoint(ctx, d.Saga.Name); err != nil {
			return err
		}
	}
	ctx, stop := context.WithCancel(ctx)
	var background sync.WaitGroup
	looks := pool.New(func(t task) { d.lookUntilDone(ctx, t) })
	release := looks.Hold()
	background.Go(func() { d.follower.Watch(ctx) })
	begin := sync.OnceFunc(func() {
		background.Go(func() { d.keepTime(ctx, looks) })
		background.Go(func() { d.watch(ctx, looks) })
		background.Go(func() { d.saveProgress(ctx) })
	})
	proven := false
	defer func() {
		stop()
		background.Wait()
		release()
		looks.Wait()
		if proven {
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), LastSave)
			defer cancel()
			d.checkpoint(last)
		}
	}()
	for {
		above, err := d.follower.Resume(ctx, from)
		if err == nil {
			d.lanes.restart(above)
			proven = true
			begin()
			err = d.follow(ctx, looks, above)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case !d.follower.Rewinds(err):
			return d.follower.Failure(err)
		}
		d.Logger.WarnContext(ctx, "the log refused the saga's position; its checkpoint is verified again", "saga", d.Saga.Name, "kind", domain.KindOf(err).String(), "error", err)
		if proven {
			from = d.lanes.handled()
		}
	}
}

// follow reacts to the orders of the events above a checkpoint, until the feed ends.
// The error is never nil.
func (d *Driver) follow(ctx context.Context, looks *pool.Pool[task], above eventlog.Checkpoint) error {
	passed := func(w eventlog.Watermark) { d.lanes.watermark(w.Position) }
	for r, err := range d.follower.Follow(ctx, above.Position(), passed) {
		if err != nil {
			return err
		}
		if !d.Saga.Wakes(r.Type) {
			d.lanes.passed(eventlog.MarkOf(r))
			d.acked(r.Position)
			continue
		}
		if err := d.startLook(ctx, looks, domain.OrderID(r.Stream.ID()), eventlog.MarkOf(r)); err != nil {
			return err // read no further while an event has no lane
		}
	}
	return ctx.Err()
}

// Ready returns nil if the saga keeps up: it runs, has caught up with the feed once,
// and its subscription neither fails nor stalls. Otherwise it returns the reason,
// with kind Unavailable.
func (d *Driver) Ready() error {
	if !d.running.Load() {
		return domain.Errorf(domain.Unavailable, "The saga %s does not run.", d.Saga.Name)
	}
	return d.follower.Ready()
}

// Health returns how the saga keeps up with the feed, as of the last check. An
// [Acker] has no positions; ask the system that keeps its place for its lag.
func (d *Driver) Health() following.Health { return d.follower.Health() }

// startLook starts a reaction to order in a lane of its own, or marks the lane of order
// to react again. It fails only if ctx is done first.
func (d *Driver) startLook(ctx context.Context, looks *pool.Pool[task], order domain.OrderID, event eventlog.Mark) error {
	t, started, err := d.lanes.enter(ctx, order, event)
	if err == nil && started {
		looks.Run(t)
	}
	return err
}

// task is an order to react to; it has a lane.
type task struct {
	order domain.OrderID
	tries int  // failed reactions so far
	retry bool // the cause for which it waited may be gone
}

// lookUntilDone reacts to an order, and again while events of it have come meanwhile.
func (d *Driver) lookUntilDone(ctx context.Context, t task) {
	for {
		later, err := d.react(ctx, t)
		t.retry = false
		switch {
		case err != nil && ctx.Err() != nil:
			return // the lane stays taken, so the checkpoint stays before its event
		case err != nil:
			t.tries++
			d.lanes.wait(t.order, time.Now().Add(pause(err, t.tries)), t.tries)
		case !later.IsZero():
			t.tries = 0
			d.lanes.wait(t.order, later, 0)
		default:
			t.tries = 0
		}
		held, again := d.lanes.leave(t.order)
		for _, p := range held {
			d.acked(p)
		}
		if !again {
			return
		}
	}
}

func (d *Driver) react(ctx context.Context, t task) (again time.Time, err error) {
	start, order := time.Now(), t.order
	again, err = d.Saga.React(ctx, order, t.retry)
	if d.Observer.Reacted != nil {
		d.Observer.Reacted(d.Saga.Name, err, time.Since(start))
	}
	switch {
	case ctx.Err() != nil:
	case domain.KindOf(err) == domain.Incomplete:
		d.lacks(ctx, order, err)
	case err == nil:
		d.restored(ctx, order)
	case !errors.Is(err, context.Canceled):
		d.Logger.WarnContext(ctx, "the saga step failed and will be retried",
			"saga", d.Saga.Name, "order", string(order), "kind", domain.KindOf(err).String(), "error", err)
	}
	return again, err
}

// pause doubles from FirstRetry to LastRetry. An order whose stream lacks events
// waits for a person, so it waits LastRetry at once.
func pause(err error, tries int) time.Duration {
	if domain.KindOf(err) == domain.Incomplete {
		return LastRetry
	}
	return backoff.Policy{First: FirstRetry, Last: LastRetry}.Pause(tries - 1)
}

// keepTime reacts to orders whose alarm is due.
func (d *Driver) keepTime(ctx context.Context, looks *pool.Pool[task]) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		order, at, ok := d.lanes.earliest()
		left := time.Until(at)
		if ok && left <= 0 {
			_ = d.startLook(ctx, looks, order, eventlog.Mark{}) // fails only with ctx
			if d.lanes.isWaiting(order) && ctx.Err() == nil {
				// The order has a lane that will react again, so its alarm is not
				// needed any more.
				d.lanes.silence(order, at)
			}
			if ctx.Err() != nil {
				return
			}
			continue
		}
		if !ok {
			left = time.Hour
		}
		timer.Reset(left)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-d.lanes.changed:
		}
	}
}

// watch is the watchdog: it reacts to every unfinished order at the start, and then to
// those that are stalled.
func (d *Driver) watch(ctx context.Context, looks *pool.Pool[task]) {
	if d.Stalled == nil {
		return
	}
	ticker := time.NewTicker(WatchEvery)
	defer ticker.Stop()
	for before := time.Now(); ; before = time.Now().Add(-StillAfter) {
		orders, err := d.Stalled.Stalled(ctx, before, MaxTimers)
		if err != nil && ctx.Err() == nil {
			d.Logger.WarnContext(ctx, "the watchdog cannot list the stalled orders", "saga", d.Saga.Name, "error", err)
		}
		for _, order := range orders {
			if !d.lanes.isWaiting(order) {
				_ = d.startLook(ctx, looks, order, eventlog.Mark{}) // fails only with ctx
			}
		}
		if d.Observer.Lanes != nil {
			busy, timers := d.lanes.counts()
			d.Observer.Lanes(d.Saga.Name, busy, timers)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
