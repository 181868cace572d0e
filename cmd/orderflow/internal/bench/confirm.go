package bench

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"orderflow/cmd/orderflow/internal/audit"
	"orderflow/cmd/orderflow/internal/node"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
	"orderflow/internal/pause"
	"orderflow/projections"
)

// What confirming is measured with.
const (
	confirmOrders  = 20_000
	confirmWindow  = 1_024 // orders that are under way at once
	confirmBudget  = 2_000 // orders/s
	confirmP99     = 250 * time.Millisecond
	confirmPaced   = confirmBudget / 2 // orders/s, while the delay is measured
	confirmSeconds = 10
	// storeShare is how much of it is done on a log that others serve, where
	// every look at an order is a call.
	storeShare = 10
)

// Outcome is the measurement of a run of orders.
type Outcome struct {
	PerSecond float64
	p99       time.Duration
	last      domain.OrderID
}

// confirm measures orders from placing to the written view.
func (b *Bench) confirm(ctx context.Context) (Figure, error) {
	app, err := b.Node(ctx, b.Folder(), "")
	if err != nil {
		return Figure{}, err
	}
	defer app.Close() //nolint:errcheck // it is thrown away
	orders, pace := confirmOrders, confirmPaced
	if b.store != "" {
		orders, pace = orders/storeShare, pace/storeShare
	}
	var full, paced Outcome
	err = app.While(ctx, func(ctx context.Context) error {
		if _, err := RunOrders(ctx, app, b.Run+"warm", orders/10, confirmWindow); err != nil {
			return err
		}
		if full, err = RunOrders(ctx, app, b.Run+"full", orders, confirmWindow); err != nil {
			return err
		}
		paced, err = paceOrders(ctx, app, b.Run+"paced", pace*confirmSeconds, pace)
		return err
	})
	if err != nil {
		return Figure{}, err
	}
	return Figure{
		Unit: "orders/s", Value: full.PerSecond, Limit: confirmBudget, Budget: 1,
		Detail: fmt.Sprintf("%d orders of %d lines through the command bus, confirmed and in the views; p99 %s at %d orders/s (budget %s)",
			orders, benchLines, paced.p99.Round(100*time.Microsecond), pace, confirmP99),
	}.Judge(paced.p99 < confirmP99), nil
}

// RunOrders places n orders, window of them under way at a time, and returns
// when all are confirmed and the views have them.
func RunOrders(ctx context.Context, app *node.App, run string, n, window int) (Outcome, error) {
	return watchOrders(ctx, app, run, n, func(ctx context.Context, place func(i int) error, done <-chan struct{}) error {
		slots := make(chan struct{}, window)
		go func() {
			for range done {
				<-slots
			}
		}()
		return InParallel(ctx, n, window, func(i int) error {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			return place(i)
		})
	})
}

// paceOrders places n orders at a steady rate, however the node fares.
func paceOrders(ctx context.Context, app *node.App, run string, n, perSecond int) (Outcome, error) {
	return watchOrders(ctx, app, run, n, func(ctx context.Context, place func(i int) error, _ <-chan struct{}) error {
		begun, interval := time.Now(), time.Second/time.Duration(perSecond)
		return InParallel(ctx, n, confirmWindow, func(i int) error {
			if err := pause.For(ctx, time.Until(begun.Add(time.Duration(i)*interval))); err != nil {
				return err
			}
			return place(i)
		})
	})
}

// watchOrders measures n orders that load places. Done gets one value for each
// order that is confirmed and in the views.
func watchOrders(
	ctx context.Context, app *node.App, run string, n int, load func(ctx context.Context, place func(int) error, done <-chan struct{}) error,
) (Outcome, error) {
	above, err := app.Log.End(ctx)
	if err != nil {
		return Outcome{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	placedAt := make([]time.Time, n)
	index := make(map[eventlog.Stream]int, n)
	for i := range n {
		index[order.Stream(Order(run, i).OrderID())] = i
	}
	done := make(chan struct{}, n)
	delays := make([]time.Duration, 0, n)
	var watching sync.WaitGroup
	var watchErr error
	begun := time.Now()
	watching.Go(func() {
		defer close(done)
		watchErr = followConfirmed(ctx, app, above, func(s eventlog.Stream) bool {
			if i, ours := index[s]; ours {
				delays = append(delays, time.Since(placedAt[i]))
				done <- struct{}{}
			}
			return len(delays) < n
		})
		if watchErr != nil {
			cancel()
		}
	})
	place := func(i int) error {
		placedAt[i] = time.Now()
		_, err := app.Bus.Send(ctx, Order(run, i))
		return err
	}
	err = load(ctx, place, done)
	if err != nil {
		cancel()
	}
	watching.Wait()
	if err := audit.FirstErr(err, watchErr); err != nil {
		return Outcome{}, err
	}
	took := time.Since(begun)
	slices.Sort(delays)
	return Outcome{PerSecond: float64(n) / took.Seconds(), p99: delays[(n-1)*99/100], last: Order(run, n-1).OrderID()}, nil
}

// followConfirmed tells each order that is confirmed once the view of orders
// has it, until told says that was the last.
func followConfirmed(ctx context.Context, app *node.App, above eventlog.Position, told func(eventlog.Stream) bool) error {
	confirmed, rejected := order.Confirmed{}.EventType(), order.Rejected{}.EventType()
	for r, err := range app.Log.Subscribe(ctx, above, order.Category) {
		switch {
		case err != nil:
			return err
		case r.Type == rejected:
			return domain.Errorf(domain.Internal, "%s was rejected: %s", r.Stream, r.Data)
		case r.Type != confirmed:
			continue
		}
		if err := app.ViewProgress.Await(ctx, projections.Orders, r.Position); err != nil {
			return err
		}
		if !told(r.Stream) {
			return nil
		}
	}
	return ctx.Err()
}

// InParallel calls f for 0 to n-1 from some goroutines, in order, until one fails.
func InParallel(ctx context.Context, n, goroutines int, f func(i int) error) error {
	next := make(chan int)
	var running sync.WaitGroup
	errs := make(chan error, goroutines)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for range min(n, goroutines) {
		running.Go(func() {
			for i := range next {
				if err := f(i); err != nil {
					errs <- err
					cancel()
					return
				}
			}
		})
	}
feed:
	for i := range n {
		select {
		case next <- i:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	running.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return ctx.Err()
	}
}
