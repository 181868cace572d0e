package sagas

import (
	"context"
	"errors"
	"sync"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// Run drives the saga until ctx is done or the feed breaks. When it returns,
// nothing of it runs any more.
func (d *Driver) Run(ctx context.Context) error {
	from := eventlog.Position(0)
	if d.Checkpoints != nil {
		var err error
		if from, err = d.Checkpoints.LoadCheckpoint(ctx, d.Saga.Name); err != nil {
			return err
		}
		if from, err = d.within(ctx, from); err != nil {
			return err
		}
	}
	d.lanes.passed(from)
	ctx, stop := context.WithCancel(ctx)
	var background, looks sync.WaitGroup
	defer func() {
		stop()
		background.Wait()
		looks.Wait()
		d.checkpoint(context.WithoutCancel(ctx))
	}()
	background.Go(func() { d.keepTime(ctx, &looks) })
	background.Go(func() { d.watch(ctx, &looks) })
	background.Go(func() { d.saveProgress(ctx) })
	for r, err := range d.Feed.Subscribe(ctx, from, d.Saga.Categories...) {
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return domain.Wrap(domain.KindOf(err), err, "The feed of saga %s broke", d.Saga.Name)
		}
		if !d.Saga.Wakes(r.Type) {
			d.lanes.passed(r.Position)
			d.settled(r.Position)
			continue
		}
		d.look(ctx, &looks, domain.OrderID(r.Stream.ID()), r.Position)
	}
	return ctx.Err()
}

// within is the checkpoint from, or 0 if the feed ends before it: then it is
// another log than the one that was followed, or it was set back, and what is
// new in it would lie below the checkpoint.
func (d *Driver) within(ctx context.Context, from eventlog.Position) (eventlog.Position, error) {
	log, ok := d.Feed.(eventlog.Ended)
	if !ok || from == 0 {
		return from, nil
	}
	end, err := log.End(ctx)
	if err != nil {
		return 0, domain.Wrap(domain.KindOf(err), err, "The end of the feed of saga %s is not known", d.Saga.Name)
	}
	if from <= end {
		return from, nil
	}
	d.Logger.WarnContext(ctx, "the checkpoint is beyond the end of the log, which was replaced or set back; every order is looked at again",
		"saga", d.Saga.Name, "checkpoint", int64(from), "end", int64(end))
	return 0, nil
}

// look begins a look at order in a lane of its own, or notes that it must be
// looked at again.
func (d *Driver) look(ctx context.Context, looks *sync.WaitGroup, order domain.OrderID, p eventlog.Position) {
	tries, started, err := d.lanes.enter(ctx, order, p)
	if err != nil || !started {
		return
	}
	d.crew.take(ctx, looks, task{order, tries}, d.lookUntilDone)
}

// lookUntilDone looks at an order for as long as something comes meanwhile.
func (d *Driver) lookUntilDone(ctx context.Context, t task) {
	for {
		later, failed := d.react(ctx, t.order)
		switch {
		case failed && ctx.Err() != nil:
			return // the lane stays taken, so the checkpoint stays before its event
		case failed:
			t.tries++
			d.lanes.wait(t.order, time.Now().Add(pause(t.tries)), t.tries)
		case !later.IsZero():
			t.tries = 0
			d.lanes.wait(t.order, later, 0)
		default:
			t.tries = 0
		}
		held, again := d.lanes.leave(t.order)
		for _, p := range held {
			d.settled(p)
		}
		if !again {
			return
		}
	}
}

func (d *Driver) react(ctx context.Context, order domain.OrderID) (again time.Time, failed bool) {
	start := time.Now()
	again, err := d.Saga.React(ctx, order)
	if d.Observer.Reacted != nil {
		d.Observer.Reacted(d.Saga.Name, err, time.Since(start))
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		d.Logger.WarnContext(ctx, "saga step failed; it will be tried again",
			"saga", d.Saga.Name, "order", string(order), "kind", domain.KindOf(err).String(), "error", err)
	}
	return again, err != nil
}

// pause doubles from FirstRetry to LastRetry.
func pause(tries int) time.Duration {
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
			d.look(ctx, looks, order, 0)
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
	if d.Standing == nil {
		return
	}
	ticker := time.NewTicker(WatchEvery)
	defer ticker.Stop()
	for before := time.Now(); ; before = time.Now().Add(-StillAfter) {
		orders, err := d.Standing.Standing(ctx, before, MaxTimers)
		if err != nil && ctx.Err() == nil {
			d.Logger.WarnContext(ctx, "watchdog cannot find what stands still", "saga", d.Saga.Name, "error", err)
		}
		for _, order := range orders {
			if !d.lanes.isWaiting(order) {
				d.look(ctx, looks, order, 0)
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

func (d *Driver) saveProgress(ctx context.Context) {
	if d.Checkpoints == nil {
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

func (d *Driver) checkpoint(ctx context.Context) {
	if d.Checkpoints == nil {
		return
	}
	if err := d.Checkpoints.SaveCheckpoint(ctx, d.Saga.Name, d.lanes.done()); err != nil && ctx.Err() == nil {
		d.Logger.WarnContext(ctx, "checkpoint not saved; events will be looked at again after a restart", "saga", d.Saga.Name, "error", err)
	}
}
