package sagas_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
	"orderflow/infra/memory"
	"orderflow/sagas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a driver with a saga that does what the test says.
type bench struct {
	t     *testing.T
	log   *memory.Log
	feed  sagas.Feed // nil: the log
	marks *checkpoints
	watch standing
	react func(ctx context.Context, id domain.OrderID, retry bool) (time.Time, error)

	logger   *slog.Logger // nil discards
	observer sagas.Observer
}

// checkpoints keep what a driver saves, and hold it against the log: only what
// the log gave out, with the ids of its events.
type checkpoints struct {
	t   *testing.T
	log eventlog.PositionFinder // nil: not looked at

	mu    sync.Mutex
	at    eventlog.Checkpoint
	saves int
}

func (c *checkpoints) LoadCheckpoint(context.Context, string) (eventlog.Checkpoint, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at, nil
}

func (c *checkpoints) SaveCheckpoint(ctx context.Context, _ string, at eventlog.Checkpoint) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
	c.saves++
	if c.log == nil {
		return nil
	}
	for what, m := range map[string]eventlog.Mark{"event": at.Event, "passed": at.Passed} {
		if m.Position == 0 {
			continue
		}
		if r, ok, err := c.log.At(ctx, m.Position); err != nil || !ok || r.ID != m.ID {
			c.t.Errorf("save %d: the %s %+v is not of the log, which has %v there: %t, %v", c.saves, what, m, r.ID, ok, err)
		}
	}
	if at.Passed.Position != 0 && at.Passed.Position <= at.Event.Position {
		c.t.Errorf("save %d: passed %d is not above the event at %d", c.saves, at.Passed.Position, at.Event.Position)
	}
	return nil
}

// position is how far the last saved checkpoint is.
func (c *checkpoints) position() eventlog.Position {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at.Position()
}

type standing func() []domain.OrderID

func (s standing) Stalled(context.Context, time.Time, int) ([]domain.OrderID, error) {
	return s(), nil
}

// place appends an event of an order, and returns its mark.
func (b *bench) place(id domain.OrderID) eventlog.Mark {
	b.t.Helper()
	stream := order.Stream(id)
	var version eventlog.Version
	for r, err := range b.log.Read(b.t.Context(), stream, 0) {
		if err != nil {
			b.t.Fatal(err)
		}
		version = r.Version
	}
	e := eventlog.Pending{ID: eventlog.NewEventID(fmt.Sprint(id, version), stream, 0), Type: "order.placed.v1", Data: []byte(`{}`)}
	at, err := b.log.Append(b.t.Context(), stream, version, e)
	if err != nil {
		b.t.Fatal(err)
	}
	return eventlog.Mark{Position: at.Position, ID: e.ID}
}

// run drives until stop is called, which returns Run's error.
func (b *bench) run() (d *sagas.Driver, stop func() error) {
	ctx, cancel := context.WithCancel(b.t.Context())
	driver := sagas.Driver{
		Saga: sagas.Saga{
			Name: "test", Categories: []string{order.Category},
			Wakes: func(eventType string) bool { return eventType != "idle.v1" }, React: b.react,
		},
		Feed: b.log, Checkpoints: b.marks, Lanes: 4, Logger: b.logger, Observer: b.observer,
	}
	if b.feed != nil {
		driver.Feed = b.feed
	}
	if b.watch != nil {
		driver.Stalled = b.watch
	}
	d = sagas.NewDriver(driver)
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	return d, func() error { cancel(); return <-done }
}

func inBubble(t *testing.T, test func(*bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		log := memory.New()
		test(&bench{t: t, log: log, marks: &checkpoints{t: t, log: log}})
	})
}

// One order is looked at by one goroutine at a time, others go on beside it,
// and what came meanwhile makes it be looked at again.
func TestOneLookAtATimePerOrder(t *testing.T) {
	inBubble(t, func(b *bench) {
		var mu sync.Mutex
		at, looks := map[domain.OrderID]int{}, map[domain.OrderID]int{}
		slow := make(chan struct{})
		b.react = func(_ context.Context, id domain.OrderID, _ bool) (time.Time, error) {
			mu.Lock()
			at[id]++
			looks[id]++
			if at[id] > 1 {
				b.t.Errorf("%s is looked at twice at once", id)
			}
			mu.Unlock()
			if id == "slow" {
				<-slow
			}
			mu.Lock()
			at[id]--
			mu.Unlock()
			return time.Time{}, nil
		}
		_, stop := b.run()
		b.place("slow")
		synctest.Wait()
		b.place("slow")
		b.place("quick")
		synctest.Wait()
		mu.Lock()
		if looks["quick"] != 1 || looks["slow"] != 1 {
			b.t.Errorf("looks %v: a slow order holds others up", looks)
		}
		mu.Unlock()
		close(slow)
		synctest.Wait()
		if looks["slow"] != 2 {
			b.t.Errorf("the slow order was looked at %d times, want 2", looks["slow"])
		}
		if err := stop(); !errors.Is(err, context.Canceled) {
			b.t.Error(err)
		}
	})
}

// The checkpoint stays before an event whose look has not ended.
func TestCheckpointWaitsForTheSlowest(t *testing.T) {
	inBubble(t, func(b *bench) {
		hold := make(chan struct{})
		b.react = func(_ context.Context, id domain.OrderID, _ bool) (time.Time, error) {
			if id == "held" {
				<-hold
			}
			return time.Time{}, nil
		}
		_, stop := b.run()
		before := b.place("a")
		b.place("held")
		last := b.place("b")
		time.Sleep(3 * sagas.CheckpointEvery)
		if p := b.marks.position(); p != before.Position {
			b.t.Errorf("checkpoint %d, want %d: the event behind it is not dealt with", p, before.Position)
		}
		close(hold)
		time.Sleep(3 * sagas.CheckpointEvery)
		synctest.Wait()
		if b.marks.at.Event != last {
			b.t.Errorf("checkpoint %+v, want %+v", b.marks.at, last)
		}
		_ = stop()
	})
}

// Of what came during a look, the first counts, whatever else came then.
func TestCheckpointStaysBeforeTheFirstThatCame(t *testing.T) {
	inBubble(t, func(b *bench) {
		let := make(chan struct{})
		b.react = func(ctx context.Context, _ domain.OrderID, _ bool) (time.Time, error) {
			select {
			case <-let:
			case <-ctx.Done():
			}
			return time.Time{}, ctx.Err()
		}
		d, stop := b.run()
		first := b.place("a")
		synctest.Wait()
		b.place("a")
		b.place("a")
		synctest.Wait()
		d.Wake("a")
		let <- struct{}{} // the second look begins
		time.Sleep(2 * sagas.CheckpointEvery)
		synctest.Wait()
		if b.marks.at.Event != first {
			b.t.Errorf("checkpoint %+v, want %+v: of what came behind it nothing is dealt with", b.marks.at, first)
		}
		_ = stop()
	})
}

// After a stop in the middle of a look, the next run looks again.
func TestInterruptedLookIsRepeated(t *testing.T) {
	inBubble(t, func(b *bench) {
		looks := 0
		b.react = func(ctx context.Context, _ domain.OrderID, _ bool) (time.Time, error) {
			looks++
			if looks == 1 {
				<-ctx.Done()
				return time.Time{}, ctx.Err()
			}
			return time.Time{}, nil
		}
		_, stop := b.run()
		b.place("a")
		synctest.Wait()
		_ = stop()
		_, stop = b.run()
		synctest.Wait()
		if looks != 2 {
			b.t.Errorf("%d looks, want 2", looks)
		}
		_ = stop()
	})
}

// A failed look is repeated with growing pauses, up to sagas.LastRetry.
func TestFailuresBackOff(t *testing.T) {
	inBubble(t, func(b *bench) {
		var pauses []time.Duration
		last := time.Now()
		b.react = func(context.Context, domain.OrderID, bool) (time.Time, error) {
			pauses = append(pauses, time.Since(last))
			last = time.Now()
			return time.Time{}, errors.New("no")
		}
		_, stop := b.run()
		b.place("a")
		time.Sleep(5 * time.Minute)
		_ = stop()
		if len(pauses) < 12 || len(pauses) > 16 {
			b.t.Errorf("%d looks in five minutes: %v", len(pauses), pauses)
		}
		for i := 2; i < len(pauses); i++ {
			if pauses[i] < pauses[i-1] || pauses[i] > sagas.LastRetry {
				b.t.Errorf("pause %d is %v after %v", i, pauses[i], pauses[i-1])
			}
		}
	})
}

// A look that names a moment is repeated then, or at once when hurried.
func TestMomentsAndHurry(t *testing.T) {
	inBubble(t, func(b *bench) {
		var looks []time.Time
		b.react = func(context.Context, domain.OrderID, bool) (time.Time, error) {
			looks = append(looks, time.Now())
			if len(looks) < 3 {
				return time.Now().Add(time.Hour), nil
			}
			return time.Time{}, nil
		}
		start := time.Now()
		d, stop := b.run()
		b.place("a")
		time.Sleep(61 * time.Minute)
		synctest.Wait()
		if len(looks) != 2 || looks[1].Sub(start) != time.Hour {
			b.t.Errorf("looks %v", looks)
		}
		d.RetryAll()
		synctest.Wait()
		if len(looks) != 3 {
			b.t.Errorf("%d looks after the hurry, want 3", len(looks))
		}
		_ = stop()
	})
}

// What stands still is found by the watchdog, through the same door.
func TestWatchdogFindsWhatStandsStill(t *testing.T) {
	inBubble(t, func(b *bench) {
		var looks atomic.Int64
		b.react = func(_ context.Context, id domain.OrderID, _ bool) (time.Time, error) {
			if id == "forgotten" {
				looks.Add(1)
			}
			return time.Time{}, nil
		}
		b.watch = func() []domain.OrderID { return []domain.OrderID{"forgotten"} }
		_, stop := b.run()
		synctest.Wait()
		if looks.Load() != 1 {
			b.t.Errorf("%d looks at the start, want 1", looks.Load())
		}
		time.Sleep(2*sagas.WatchEvery + time.Second)
		synctest.Wait()
		if looks.Load() != 3 {
			b.t.Errorf("%d looks after two rounds, want 3", looks.Load())
		}
		_ = stop()
	})
}

// A hundred orders through four lanes, while events go on coming: each is
// looked at after its last event.
func TestEveryOrderIsLookedAtAfterItsLastEvent(t *testing.T) {
	inBubble(t, func(b *bench) {
		var mu sync.Mutex
		seen := map[domain.OrderID]eventlog.Version{}
		b.react = func(ctx context.Context, id domain.OrderID, _ bool) (time.Time, error) {
			var v eventlog.Version
			for r, err := range b.log.Read(ctx, order.Stream(id), 0) {
				if err != nil {
					return time.Time{}, err
				}
				v = r.Version
			}
			time.Sleep(time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			seen[id] = max(seen[id], v)
			return time.Time{}, nil
		}
		_, stop := b.run()
		for round := range 5 {
			for i := range 100 {
				b.place(domain.OrderID(fmt.Sprintf("o%d", i)))
			}
			time.Sleep(time.Duration(round) * time.Millisecond)
		}
		time.Sleep(time.Second)
		_ = stop()
		for i := range 100 {
			if id := domain.OrderID(fmt.Sprintf("o%d", i)); seen[id] != 5 {
				b.t.Errorf("%s was last looked at when it had %d events, want 5", id, seen[id])
			}
		}
	})
}
