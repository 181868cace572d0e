// Package sagastest is the suite that every feed of sagas passes: what a
// [sagas.Driver] relies on, whether the log itself wakes it or a consumer group.
package sagastest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/sagas"
)

// patience bounds every wait for a delivery.
const patience = 60 * time.Second

// Fed is a log, and feeds that follow it.
type Fed struct {
	Log eventlog.Store // where events are appended to
	// Feed returns a feed as one process has it. Feeds that are asked for one
	// after the other are of processes that follow each other.
	Feed func() sagas.Feed
}

// RunFeed checks a feed. open returns a new, empty log with feeds on it.
func RunFeed(t *testing.T, open func(t *testing.T) Fed) {
	for name, check := range map[string]func(*testing.T, Fed){
		"every event comes, in order per order":      everything,
		"what is appended later comes too":           live,
		"only the categories that are asked for":     oneCategory,
		"all the categories that are asked for":      twoCategories,
		"what was not dealt with comes again":        again,
		"the end of the context is the last to come": ends,
	} {
		t.Run(name, func(t *testing.T) { check(t, open(t)) })
	}
}

// The events of these checks: orders, each cancelled and cancelled.
const (
	orders = 20
	events = 3 // of each order
)

func id(i int) domain.OrderID { return domain.OrderID(fmt.Sprintf("ord_%04d", i)) }

// add appends the n-th event of an order, and one of its payment.
func (f Fed) add(t *testing.T, i, n int) {
	t.Helper()
	e := []order.Event{
		order.Placed{Order: id(i), Customer: "c"},
		order.CancelRequested{Reason: domain.CustomerAsked},
		order.Cancelled{},
	}[n]
	put(t, f.Log, order.Stream(id(i)), eventlog.Version(n), encoded[order.Event](t, order.Codec, e, i, n))
	put(t, f.Log, payment.Stream(id(i)), eventlog.Version(n), encoded[payment.Event](t, payment.Codec, payment.Voided{Reason: "test"}, i, n))
}

func encoded[E eventlog.Typed](t *testing.T, codec eventlog.Codec[E], e E, i, n int) eventlog.Pending {
	t.Helper()
	p, err := codec.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	command := fmt.Sprint(e.EventType(), "-", i, "-", n)
	p.ID = eventlog.NewEventID(command, "", 0)
	p.Meta = eventlog.Meta{Command: command, Correlation: string(id(i)), Actor: "test"}
	return p
}

func put(t *testing.T, log eventlog.Store, s eventlog.Stream, v eventlog.Version, p eventlog.Pending) {
	t.Helper()
	if _, err := log.Append(t.Context(), s, v, p); err != nil {
		t.Fatal(err)
	}
}

func (f Fed) fill(t *testing.T) {
	t.Helper()
	for n := range events {
		for i := range orders {
			f.add(t, i, n)
		}
	}
}

// settle says that an event is dealt with, to feeds that want to know.
func ack(f sagas.Feed, p eventlog.Position) {
	if s, ok := f.(sagas.Acker); ok {
		s.Ack(p)
	}
}

// follow reads a feed until enough says so, and returns the highest version
// seen of each stream. A version that comes before all below it came is an error.
func follow(t *testing.T, feed sagas.Feed, enough func(seen map[eventlog.Stream]eventlog.Version, r eventlog.Recorded) bool, categories ...string) map[eventlog.Stream]eventlog.Version {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	seen := map[eventlog.Stream]eventlog.Version{}
	for r, err := range feed.Subscribe(ctx, 0, categories...) {
		if err != nil {
			t.Fatalf("after %v: %v", seen, err)
		}
		if r.Version > seen[r.Stream]+1 {
			t.Fatalf("version %d of %s comes after version %d", r.Version, r.Stream, seen[r.Stream])
		}
		seen[r.Stream] = max(seen[r.Stream], r.Version)
		ack(feed, r.Position)
		if enough(seen, r) {
			break
		}
	}
	return seen
}

// whole says that all events of all orders were seen.
func whole(seen map[eventlog.Stream]eventlog.Version, _ eventlog.Recorded) bool {
	for i := range orders {
		if seen[order.Stream(id(i))] != events {
			return false
		}
	}
	return true
}

func everything(t *testing.T, f Fed) {
	f.fill(t)
	follow(t, f.Feed(), whole, order.Category)
}

func live(t *testing.T, f Fed) {
	f.add(t, 0, 0)
	later := false
	follow(t, f.Feed(), func(seen map[eventlog.Stream]eventlog.Version, _ eventlog.Recorded) bool {
		if !later {
			later = true
			f.add(t, 0, 1)
			f.add(t, 1, 0)
		}
		return seen[order.Stream(id(0))] == 2 && seen[order.Stream(id(1))] == 1
	}, order.Category)
}

func oneCategory(t *testing.T, f Fed) {
	f.fill(t)
	for s := range follow(t, f.Feed(), whole, order.Category) {
		if s.Category() != order.Category {
			t.Errorf("an event of %s came", s)
		}
	}
}

func twoCategories(t *testing.T, f Fed) {
	f.fill(t)
	follow(t, f.Feed(), func(seen map[eventlog.Stream]eventlog.Version, r eventlog.Recorded) bool {
		for i := range orders {
			if seen[payment.Stream(id(i))] != events {
				return false
			}
		}
		return whole(seen, r)
	}, order.Category, payment.Category)
}

// again ends a process after some events, of which the last was not dealt with:
// the next one gets it, in feeds and drivers that keep the place.
func again(t *testing.T, f Fed) {
	f.fill(t)
	first := f.Feed()
	var open, dealtWith eventlog.Position
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	n := 0
	for r, err := range first.Subscribe(ctx, 0, order.Category) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == orders {
			open = r.Position
			break
		}
		ack(first, r.Position)
		dealtWith = max(dealtWith, r.Position)
	}
	next, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	for r, err := range f.Feed().Subscribe(next, dealtWith, order.Category) {
		if err != nil {
			t.Fatalf("the event at %d, which was not handled, does not come again: %v", open, err)
		}
		if r.Position == open {
			return
		}
	}
}

func ends(t *testing.T, f Fed) {
	f.fill(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	for _, err := range f.Feed().Subscribe(ctx, 0, order.Category) {
		if last != nil {
			t.Fatal("something came after the error")
		}
		if last = err; err == nil {
			cancel()
		}
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("the last to come is %v", last)
	}
}
