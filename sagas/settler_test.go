package sagas_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
	"orderflow/sagas"
)

// settling is a feed that keeps its own place: it delivers what the test puts
// in, and notes what it is told.
type settling struct {
	in chan eventlog.Recorded

	mu   sync.Mutex
	told []eventlog.Position
}

func (s *settling) Subscribe(ctx context.Context, _ eventlog.Position, _ ...string) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		for {
			select {
			case r := <-s.in:
				if !yield(r, nil) {
					return
				}
			case <-ctx.Done():
				yield(eventlog.Recorded{}, ctx.Err())
				return
			}
		}
	}
}

func (s *settling) Ack(p eventlog.Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, p)
}

func (s *settling) put(p eventlog.Position, id domain.OrderID, eventType string) {
	s.in <- eventlog.Recorded{Position: p, Stream: order.Stream(id), Type: eventType}
	synctest.Wait()
}

func (s *settling) expect(t *testing.T, when string, want ...eventlog.Position) {
	t.Helper()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	have := slices.Sorted(slices.Values(s.told))
	if !slices.Equal(have, want) {
		t.Errorf("%s, the feed was told of %v, want %v", when, have, want)
	}
	s.told = nil
}

// settlingBench runs a driver on a settling feed whose looks last until the
// test lets them go, one by one.
func settlingBench(t *testing.T, test func(feed *settling, d *sagas.Driver, release chan error)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		feed, release := &settling{in: make(chan eventlog.Recorded)}, make(chan error)
		d := sagas.NewDriver(sagas.Driver{Feed: feed, Saga: sagas.Saga{
			Name: "test", Wakes: func(eventType string) bool { return eventType == "wakes" },
			React: func(ctx context.Context, _ domain.OrderID, _ bool) (time.Time, error) {
				select {
				case err := <-release:
					return time.Time{}, err
				case <-ctx.Done():
					return time.Time{}, ctx.Err()
				}
			},
		}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx) }()
		test(feed, d, release)
		cancel()
		<-done
		feed.expect(t, "after the end")
	})
}

// An event is dealt with when the look that it caused has ended, and one that
// wakes no saga at once; the order of events does not matter.
func TestAFeedIsToldWhatIsDealtWith(t *testing.T) {
	settlingBench(t, func(feed *settling, _ *sagas.Driver, release chan error) {
		feed.put(9, "a", "wakes")
		feed.put(4, "b", "idle")
		feed.expect(t, "while the first look goes on", 4)
		feed.put(7, "a", "wakes")
		feed.put(7, "a", "wakes")
		feed.expect(t, "while more comes for the order")
		release <- nil
		feed.expect(t, "after the first look", 9)
		release <- nil
		feed.expect(t, "after the second look", 7, 7)
		feed.put(10, "a", "wakes")
		release <- errors.New("no")
		feed.expect(t, "after a look that failed and waits for its moment", 10)
		feed.put(11, "b", "wakes") // and is cut off by the end
	})
}

// What came beyond MaxHeld during one look is not told of.
func TestAFeedIsNotToldOfTooMuch(t *testing.T) {
	settlingBench(t, func(feed *settling, _ *sagas.Driver, release chan error) {
		feed.put(1, "a", "wakes")
		for i := range sagas.MaxHeld + 10 {
			feed.put(eventlog.Position(i+2), "a", "wakes")
		}
		release <- nil
		feed.expect(t, "after the first look", 1)
		release <- nil
		synctest.Wait()
		feed.mu.Lock()
		if len(feed.told) != sagas.MaxHeld {
			t.Errorf("the feed was told of %d events, want %d", len(feed.told), sagas.MaxHeld)
		}
		feed.told = nil
		feed.mu.Unlock()
	})
}

// Wake looks at an order now, whatever it waits for, and once more if it is
// being looked at.
func TestWake(t *testing.T) {
	inBubble(t, func(b *bench) {
		looks, slow := 0, make(chan struct{})
		b.react = func(context.Context, domain.OrderID, bool) (time.Time, error) {
			if looks++; looks == 2 {
				<-slow
			}
			return time.Now().Add(time.Hour), nil
		}
		d, stop := b.run()
		d.Wake("a")
		synctest.Wait()
		if looks != 1 {
			b.t.Errorf("%d looks after the first wake, want 1", looks)
		}
		d.Wake("a")
		synctest.Wait()
		d.Wake("a")
		synctest.Wait()
		if looks != 2 {
			b.t.Errorf("%d looks while one goes on, want 2", looks)
		}
		close(slow)
		synctest.Wait()
		if looks != 3 {
			b.t.Errorf("%d looks after it, want 3", looks)
		}
		time.Sleep(30 * time.Minute)
		if looks != 3 {
			b.t.Errorf("%d looks before the moment, want 3", looks)
		}
		_ = stop()
	})
}
