package sagas_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
	"orderflow/following"
	"orderflow/infra/memory"
	"orderflow/sagas"
	"orderflow/sagas/sagastest"
)

// looked notes the orders that are looked at.
type looked struct {
	mu     sync.Mutex
	orders []domain.OrderID
}

func (l *looked) react(_ context.Context, id domain.OrderID, _ bool) (time.Time, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.orders = append(l.orders, id)
	return time.Time{}, nil
}

// drain returns the orders looked at since it was last called.
func (l *looked) drain() []domain.OrderID {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() { l.orders = nil }()
	slices.Sort(l.orders)
	return slices.Compact(l.orders)
}

// healing is a bench whose log can be replaced and fail, and whose saga notes
// what it looks at.
func healing(t *testing.T, test func(b *bench, feed *sagastest.Unsteady, l *looked, said *bytes.Buffer)) {
	t.Helper()
	inBubble(t, func(b *bench) {
		var l looked
		var said bytes.Buffer
		feed := sagastest.NewUnsteady(b.log)
		b.react, b.feed, b.logger = l.react, feed, slog.New(slog.NewTextHandler(&said, nil))
		b.marks.log = feed
		test(b, feed, &l, &said)
	})
}

// on is the bench with another log.
func (b *bench) on(log *memory.Log) *bench {
	return &bench{t: b.t, log: log}
}

func want(t *testing.T, when string, have []domain.OrderID, orders ...domain.OrderID) {
	t.Helper()
	if !slices.Equal(have, orders) {
		t.Errorf("%s it looked at %v, want %v", when, have, orders)
	}
}

// A checkpoint that the log does not prove is one warning, and every order is
// looked at from the first event on; the next start has a proven one.
func TestCheckpointsThatDoNotProve(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(b *bench, at eventlog.Checkpoint) (eventlog.Checkpoint, *memory.Log)
		why   string
	}{
		"the number before an event, as the version before saved it": {func(b *bench, at eventlog.Checkpoint) (eventlog.Checkpoint, *memory.Log) {
			return eventlog.Checkpoint{Event: eventlog.Mark{Position: at.Event.Position - 1}}, b.log
		}, "no event at this position"},
		"beyond the end": {func(b *bench, at eventlog.Checkpoint) (eventlog.Checkpoint, *memory.Log) {
			at.Event.Position *= 10
			return at, b.log
		}, "beyond the end"},
		"another log of the same length": {func(b *bench, at eventlog.Checkpoint) (eventlog.Checkpoint, *memory.Log) {
			log := memory.New()
			for _, id := range []domain.OrderID{"x", "y", "z"} {
				b.on(log).place(id)
			}
			return at, log
		}, "another event"},
		"a log that was set back and has grown beyond": {func(b *bench, at eventlog.Checkpoint) (eventlog.Checkpoint, *memory.Log) {
			log := memory.New()
			for _, id := range []domain.OrderID{"a", "x", "y", "z", "z"} {
				b.on(log).place(id)
			}
			return at, log
		}, "another event"},
		"an event that was scavenged": {func(b *bench, at eventlog.Checkpoint) (eventlog.Checkpoint, *memory.Log) {
			b.log.Scavenge(order.Stream("c"), 2)
			return at, b.log
		}, "no event at this position"},
	} {
		t.Run(name, func(t *testing.T) {
			healing(t, func(b *bench, feed *sagastest.Unsteady, l *looked, said *bytes.Buffer) {
				for _, id := range []domain.OrderID{"a", "b", "c"} {
					b.place(id)
				}
				_, stop := b.run()
				want(b.t, "at first", l.drain(), "a", "b", "c")
				_ = stop()
				at, log := c.spoil(b, b.marks.at)
				b.marks.at, b.log = at, log
				feed.Replace(log, nil)
				var all []domain.OrderID
				for r, err := range log.ReadAll(b.t.Context(), 0, order.Category) {
					if err != nil {
						b.t.Fatal(err)
					}
					all = append(all, domain.OrderID(r.Stream.ID()))
				}
				slices.Sort(all)
				d, stop := b.run()
				want(b.t, "after the start", l.drain(), slices.Compact(all)...)
				b.place("new")
				want(b.t, "then", l.drain(), "new")
				if err := d.Ready(); err != nil {
					b.t.Errorf("it is not ready: %v", err)
				}
				_ = stop()
				text := said.String()
				if n := strings.Count(text, "level=WARN"); n != 1 || !strings.Contains(text, "saga test") || !strings.Contains(text, c.why) ||
					!strings.Contains(text, fmt.Sprintf("position=%d", at.Event.Position)) {
					b.t.Errorf("%d warnings: %s", n, text)
				}
				said.Reset()
				_, stop = b.run()
				want(b.t, "at the next start", l.drain())
				b.place("newer")
				want(b.t, "then", l.drain(), "newer")
				_ = stop()
				if said.Len() > 0 {
					b.t.Errorf("at the next start it said %s", said)
				}
			})
		})
	}
}

// A position without an id, as versions before saved it, is taken over without
// a word where it is one of the log, and has its id from then on.
func TestAPositionOfTheVersionBefore(t *testing.T) {
	healing(t, func(b *bench, _ *sagastest.Unsteady, l *looked, said *bytes.Buffer) {
		b.place("a")
		at := b.place("b")
		b.place("c")
		b.marks.at = eventlog.Checkpoint{Event: eventlog.Mark{Position: at.Position}}
		hold := make(chan struct{})
		b.react = func(ctx context.Context, id domain.OrderID, _ bool) (time.Time, error) {
			<-hold
			return l.react(ctx, id, false)
		}
		_, stop := b.run()
		time.Sleep(2 * sagas.CheckpointEvery)
		synctest.Wait()
		if b.marks.at.Event != at {
			b.t.Errorf("saved is %+v, want %+v", b.marks.at, at)
		}
		close(hold)
		want(b.t, "in all", l.drain(), "c")
		_ = stop()
		if said.Len() > 0 {
			b.t.Errorf("it said %s", said)
		}
	})
}

// A stop with orders under way, and starts on a log with gaps: the fault that
// kept a node from ever starting again.
func TestAStopWithOrdersUnderWay(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.react = func(ctx context.Context, id domain.OrderID, _ bool) (time.Time, error) {
			if id == "b" {
				<-ctx.Done()
			}
			return time.Time{}, ctx.Err()
		}
		before := b.place("a")
		for _, id := range []domain.OrderID{"b", "c", "a"} {
			b.place(id)
		}
		for range 3 {
			d, stop := b.run()
			time.Sleep(3 * sagas.CheckpointEvery)
			if err := d.Ready(); err != nil {
				b.t.Error(err)
			}
			if err := stop(); !errors.Is(err, context.Canceled) {
				b.t.Errorf("it ended with %v", err)
			}
			if b.marks.at.Event != before {
				b.t.Errorf("saved is %+v, want %+v", b.marks.at, before)
			}
		}
	})
}

// hasty is a feed that yields what it has without a look at the context.
type hasty struct{ in chan eventlog.Recorded }

func (h hasty) Subscribe(context.Context, eventlog.Position, ...string) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		for r := range h.in {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// An event that found no free lane before the stop is not dealt with, even if
// the feed yields what lies behind it.
func TestAStopWhileAnEventWaitsForALane(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.react = func(ctx context.Context, _ domain.OrderID, _ bool) (time.Time, error) {
			<-ctx.Done()
			return time.Time{}, nil // it was about to end
		}
		feed := hasty{make(chan eventlog.Recorded, 10)}
		b.feed, b.marks.log = feed, nil
		_, stop := b.run() // of four lanes
		for p := range eventlog.Position(5) {
			feed.in <- eventlog.Recorded{Position: 100 * (p + 1), Stream: order.Stream(domain.OrderID(fmt.Sprint("o", p)))}
		}
		feed.in <- eventlog.Recorded{Position: 600, Stream: order.Stream("o"), Type: "idle.v1"}
		close(feed.in)
		synctest.Wait()
		_ = stop()
		if p := b.marks.position(); p > 400 {
			b.t.Errorf("the checkpoint is %d, and the event at 500 was never looked at", p)
		}
	})
}

// The log is replaced while the saga runs, an order being under way: the saga
// goes on from the first event, and saves nothing of the log before.
func TestTheLogIsReplacedUnderTheSaga(t *testing.T) {
	for name, failure := range map[string]error{
		"and refuses the position":    domain.Errorf(domain.Invalid, "no position of the log"),
		"after a connection was lost": domain.Errorf(domain.Unavailable, "connection lost"),
		"and another took over":       domain.Errorf(domain.Conflict, "overtaken"),
	} {
		t.Run(name, func(t *testing.T) {
			healing(t, func(b *bench, feed *sagastest.Unsteady, l *looked, said *bytes.Buffer) {
				hold := make(chan struct{})
				b.react = func(ctx context.Context, id domain.OrderID, _ bool) (time.Time, error) {
					if id == "held" {
						<-hold
					}
					return l.react(ctx, id, false)
				}
				_, stop := b.run()
				for _, id := range []domain.OrderID{"a", "held", "b"} {
					b.place(id)
				}
				time.Sleep(2 * sagas.CheckpointEvery)
				want(b.t, "on the first log", l.drain(), "a", "b")
				other := memory.New()
				var last eventlog.Mark
				for _, id := range []domain.OrderID{"x", "y", "z"} {
					last = b.on(other).place(id)
				}
				feed.Replace(other, failure)
				time.Sleep(2 * sagas.CheckpointEvery)
				want(b.t, "on the other log", l.drain(), "x", "y", "z")
				close(hold)
				time.Sleep(2 * sagas.CheckpointEvery)
				synctest.Wait()
				if b.marks.at.Event != last {
					b.t.Errorf("saved is %+v, want %+v", b.marks.at, last)
				}
				if err := stop(); !errors.Is(err, context.Canceled) || strings.Count(said.String(), "not one of this log") != 1 {
					b.t.Errorf("it ended with %v, and said %s", err, said)
				}
			})
		})
	}
}

// A position that the log refuses again and again ends the saga with an error
// that names it.
func TestRewindsEnd(t *testing.T) {
	healing(t, func(b *bench, feed *sagastest.Unsteady, l *looked, _ *bytes.Buffer) {
		b.place("a")
		refused := domain.Errorf(domain.Invalid, "no position of the log")
		feed.Fail(refused, refused, refused)
		_, stop := b.run()
		want(b.t, "after three refusals", l.drain(), "a")
		feed.Fail(refused, refused, refused, refused)
		synctest.Wait()
		err := stop()
		if domain.KindOf(err) != domain.Invalid || !strings.Contains(err.Error(), "saga test") || !strings.Contains(err.Error(), "no position") {
			b.t.Errorf("it ended with %v", err)
		}
	})
}

// Every kind of failure of the feed, twice in a row, has its remedy; what is to
// end ends Run with an error that names the saga and the failure.
func TestEveryFailureOfTheFeed(t *testing.T) {
	for kind := domain.Kind(0); kind == 0 || kind.String() != domain.Internal.String(); kind++ {
		t.Run(kind.String(), func(t *testing.T) {
			healing(t, func(b *bench, feed *sagastest.Unsteady, l *looked, _ *bytes.Buffer) {
				told := map[following.Remedy]int{}
				b.observer.FeedFailed = func(saga string, k domain.Kind, r following.Remedy) {
					if saga == "test" && k == kind {
						told[r]++
					}
				}
				b.place("a")
				d, stop := b.run()
				want(b.t, "at first", l.drain(), "a")
				feed.Fail(domain.Errorf(kind, "it broke"), domain.Errorf(kind, "it broke"))
				b.place("b")
				time.Sleep(time.Second)
				remedy := following.RemedyFor(kind)
				if remedy == following.End {
					err := stop()
					if domain.KindOf(err) != kind || !strings.Contains(err.Error(), "saga test") || !strings.Contains(err.Error(), "it broke") || told[remedy] != 1 {
						b.t.Errorf("it ended with %v; told %v", err, told)
					}
					if err := d.Ready(); domain.KindOf(err) != domain.Unavailable || !strings.Contains(err.Error(), "does not run") {
						b.t.Errorf("after its end: %v", err)
					}
					return
				}
				if have := l.drain(); !slices.Contains(have, "b") || told[remedy] != 2 {
					b.t.Errorf("it looked at %v; told %v", have, told)
				}
				if err := d.Ready(); err != nil {
					b.t.Error(err)
				}
				_ = stop()
			})
		})
	}
}

// A feed that keeps its own place has the same table.
func TestAFailureOfASettler(t *testing.T) {
	for kind, ends := range map[domain.Kind]bool{domain.Unavailable: false, domain.Invalid: false, domain.Internal: true} {
		synctest.Test(t, func(t *testing.T) {
			feed := &breaking{settling: settling{in: make(chan eventlog.Recorded)}, err: domain.Errorf(kind, "it broke")}
			d := sagas.NewDriver(sagas.Driver{Feed: feed, Saga: sagas.Saga{
				Name: "test", Wakes: func(string) bool { return false },
			}})
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- d.Run(ctx) }()
			time.Sleep(time.Second)
			if !ends {
				feed.put(700, "a", "idle")
				feed.expect(t, "after the failure", 700)
				if err := d.Ready(); err != nil {
					t.Errorf("%v: %v", kind, err)
				}
			}
			cancel()
			if err := <-done; ends && (domain.KindOf(err) != kind || !strings.Contains(err.Error(), "saga test")) || !ends && !errors.Is(err, context.Canceled) {
				t.Errorf("%v: it ended with %v", kind, err)
			}
		})
	}
}

// Three failures in a row are not ready, until an event comes.
func TestAFeedThatFailsThreeTimes(t *testing.T) {
	healing(t, func(b *bench, feed *sagastest.Unsteady, l *looked, _ *bytes.Buffer) {
		d, stop := b.run()
		synctest.Wait()
		if err := d.Ready(); err != nil {
			b.t.Errorf("at first: %v", err)
		}
		gone := domain.Errorf(domain.Unavailable, "no leader")
		feed.Fail(gone, gone, gone)
		time.Sleep(400 * time.Millisecond) // 100, 200 and of 400 ms the first
		if err := d.Ready(); domain.KindOf(err) != domain.Unavailable || !strings.Contains(err.Error(), "no leader") {
			b.t.Errorf("after three failures: %v", err)
		}
		b.place("a")
		time.Sleep(time.Second)
		want(b.t, "in the end", l.drain(), "a")
		if err := d.Ready(); err != nil {
			b.t.Errorf("in the end: %v", err)
		}
		_ = stop()
	})
}

// A feed that falls silent while the log grows is reported, is not ready, and is
// opened again; the orders that came meanwhile are looked at then.
func TestAFeedThatFallsSilent(t *testing.T) {
	healing(t, func(b *bench, feed *sagastest.Unsteady, l *looked, said *bytes.Buffer) {
		stalled := 0
		b.observer.Stalled = func(string) { stalled++ }
		d, stop := b.run()
		b.place("a")
		want(b.t, "at first", l.drain(), "a")
		feed.Silence(true)
		b.place("b")
		time.Sleep(following.StalledAfter + 2*following.CheckEvery)
		synctest.Wait()
		if err := d.Ready(); err == nil || stalled != 1 || !strings.Contains(said.String(), "brings nothing although") {
			b.t.Errorf("%d reports, ready %v, said %s", stalled, err, said)
		}
		if h := d.Health(); h.Quiet < following.StalledAfter || h.End <= h.Position {
			b.t.Errorf("health %+v", h)
		}
		feed.Silence(false)
		want(b.t, "before it is opened anew", l.drain())
		time.Sleep(following.ReopenAfter)
		want(b.t, "after that", l.drain(), "b")
		if _, reconnects, _ := feed.Counts(); reconnects != 1 || d.Ready() != nil {
			b.t.Errorf("%d reconnects, ready %v", reconnects, d.Ready())
		}
		_ = stop()
	})
}

// A restart does not walk through what lies in the log for others.
func TestAWatermarkIsSavedAndUsed(t *testing.T) {
	const others = 100_000
	healing(t, func(b *bench, feed *sagastest.Unsteady, l *looked, _ *bytes.Buffer) {
		mine := b.place("a")
		var batch []eventlog.Pending
		for i := range others {
			batch = append(batch, eventlog.Pending{ID: eventlog.NewEventID("others", "others-1", i), Type: "happened.v1", Data: []byte(`{}`)})
		}
		for i := 0; i < others; i += 10_000 {
			if _, err := b.log.Append(b.t.Context(), "others-1", eventlog.Version(i), batch[i:i+10_000]...); err != nil {
				b.t.Fatal(err)
			}
		}
		end, err := b.log.End(b.t.Context())
		if err != nil {
			b.t.Fatal(err)
		}
		walked := &walking{Unsteady: feed, log: b.log}
		b.feed = walked
		for round, most := range []int{others + 1, 0} {
			_, stop := b.run()
			time.Sleep(2 * sagas.CheckpointEvery)
			_ = stop()
			if b.marks.at.Event != mine || b.marks.at.Passed.Position != end {
				b.t.Errorf("round %d: saved is %+v; the event is at %d, the end at %d", round, b.marks.at, mine.Position, end)
			}
			if walked.n > most {
				b.t.Errorf("round %d: it walked through %d events, want %d at most", round, walked.n, most)
			}
			walked.n = 0
		}
		want(b.t, "in all", l.drain(), "a")
	})
}

// walking is a log that is read event by event, whatever the category: as a
// server does that filters.
type walking struct {
	*sagastest.Unsteady
	log *memory.Log
	n   int
}

func (w *walking) SubscribeWatermarked(ctx context.Context, above eventlog.Position, passed func(eventlog.Watermark), categories ...string) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		for r, err := range w.log.SubscribeWatermarked(ctx, above, passed) {
			w.n++
			if err != nil {
				w.n--
			}
			if err == nil && !slices.Contains(categories, r.Stream.Category()) {
				passed(eventlog.Watermark{Position: r.Position})
				continue
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// breaking is a settling feed whose first two subscriptions fail.
type breaking struct {
	settling
	err error
	n   int
}

func (f *breaking) Subscribe(ctx context.Context, above eventlog.Position, categories ...string) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		if f.n++; f.n <= 2 {
			yield(eventlog.Recorded{}, f.err)
			return
		}
		f.settling.Subscribe(ctx, above, categories...)(yield)
	}
}
