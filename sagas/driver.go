package sagas

import (
	"context"
	"errors"
	"sync"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/following"
)

// Run drives the saga until ctx is done or the feed fails for good. When it
// returns, nothing of it runs any more.
//
// A feed that fails is subscribed to again, as following.RemedyFor says. If the
// log is not the one any more that the checkpoint is of, every order is looked
// at from the first event on.
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
	var background, looks sync.WaitGroup
	background.Go(func() { d.follower.Watch(ctx) })
	begin := sync.OnceFunc(func() {
		background.Go(func() { d.keepTime(ctx, &looks) })
		background.Go(func() { d.watch(ctx, &looks) })
		background.Go(func() { d.saveProgress(ctx) })
	})
	proven := false
	defer func() {
		stop()
		background.Wait()
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
			err = d.follow(ctx, &looks, above)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case !d.follower.Rewinds(err):
			return d.follower.Failure(err)
		}
		d.Logger.WarnContext(ctx, "the log refused the place of the saga, which is proven again", "saga", d.Saga.Name, "kind", domain.KindOf(err).String(), "error", err)
		if proven {
			from = d.lanes.handled()
		}
	}
}

// follow looks at the orders whose events come above a place, until the feed
// ends. The error is never nil.
func (d *Driver) follow(ctx context.Context, looks *sync.WaitGroup, above eventlog.Checkpoint) error {
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
			return err // nothing behind an event may be read that has no lane
		}
	}
	return ctx.Err()
}

// Ready returns nil if the saga keeps up: it runs, has caught up once with the
// feed, and neither fails nor stands still. Otherwise it returns the reason,
// with kind Unavailable.
func (d *Driver) Ready() error {
	if !d.running.Load() {
		return domain.Errorf(domain.Unavailable, "The saga %s does not run.", d.Saga.Name)
	}
	return d.follower.Ready()
}

// Health returns how the saga keeps up with the feed, as of the last look. A
// [Acker] tells no positions; its lag is to be asked for where it keeps its place.
func (d *Driver) Health() following.Health { return d.follower.Health() }

// look begins a look at order in a lane of its own, or notes that it must be
// looked at again. It fails when ctx is done first.
func (d *Driver) startLook(ctx context.Context, looks *sync.WaitGroup, order domain.OrderID, event eventlog.Mark) error {
	tries, started, err := d.lanes.enter(ctx, order, event)
	if err == nil && started {
		d.workers.run(ctx, looks, task{order, tries}, d.lookUntilDone)
	}
	return err
}

// lookUntilDone looks at an order for as long as something comes meanwhile.
func (d *Driver) lookUntilDone(ctx context.Context, t task) {
	for {
		later, err := d.react(ctx, t.order)
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

func (d *Driver) react(ctx context.Context, order domain.OrderID) (again time.Time, err error) {
	start := time.Now()
	again, err = d.Saga.React(ctx, order)
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
		d.Logger.WarnContext(ctx, "saga step failed; it will be tried again",
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
	p := FirstRetry
	for range tries - 1 {
		if p *= 2; p >= LastRetry {
			return LastRetry
		}
	}
	return p
}

// keepTime looks at orders whose moment has come.
func (d *Driver) keepTime(ctx context.Context, looks *sync.WaitGroup) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		order, at, ok := d.lanes.earliest()
		left := time.Until(at)
		if ok && left <= 0 {
			_ = d.startLook(ctx, looks, order, eventlog.Mark{}) // fails only with ctx
			if d.lanes.isWaiting(order) && ctx.Err() == nil {
				// The order is in a lane that was told to look again, and its
				// alarm rings on: silence it.
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

// watch looks at every unfinished order at the start, and then at those that stand still.
func (d *Driver) watch(ctx context.Context, looks *sync.WaitGroup) {
	if d.Stalled == nil {
		return
	}
	ticker := time.NewTicker(WatchEvery)
	defer ticker.Stop()
	for before := time.Now(); ; before = time.Now().Add(-StillAfter) {
		orders, err := d.Stalled.Stalled(ctx, before, MaxTimers)
		if err != nil && ctx.Err() == nil {
			d.Logger.WarnContext(ctx, "watchdog cannot find what stands still", "saga", d.Saga.Name, "error", err)
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
