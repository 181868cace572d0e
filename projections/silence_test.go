package projections_test

import (
	"context"
	"iter"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/following"
	"orderflow/infra/memory"
	"orderflow/projections"
	"orderflow/projections/projectionstest"
)

// silent is a log whose subscriptions yield nothing, and no error, for as long
// as it is told to be silent and until they are opened again.
type silent struct {
	*memory.Log
	quiet  atomic.Bool
	opened atomic.Int64
	fails  atomic.Pointer[error] // what the subscription ends with, once
}

func (s *silent) SubscribeWatermarked(ctx context.Context, above eventlog.Position, passed func(eventlog.Watermark), categories ...string) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		s.opened.Add(1)
		for r, err := range s.Log.SubscribeWatermarked(ctx, above, func(m eventlog.Watermark) {
			if !s.quiet.Load() {
				passed(m)
			}
		}, categories...) {
			if failed := s.fails.Swap(nil); failed != nil {
				yield(eventlog.Recorded{}, *failed)
				return
			}
			if s.quiet.Load() && err == nil {
				<-ctx.Done()
				err = ctx.Err()
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// productsRunner is a runner of products on a log, in a bubble of made-up time.
type productsRunner struct {
	*projections.Runner
	*projectionstest.History

	log   *silent
	views *products
}

// follow runs f in a bubble; begin fills the log and the store before the runner starts.
func follow(t *testing.T, begin func(*productsRunner), f func(*productsRunner)) {
	synctest.Test(t, func(t *testing.T) {
		log := &silent{Log: memory.New()}
		n := &productsRunner{log: log, views: newProducts(), History: &projectionstest.History{T: t, Log: log}}
		n.Runner = projections.NewRunner(projections.Config{Log: log, Views: n.views, Groups: productsOnly(t), Logger: slog.New(slog.DiscardHandler)})
		if begin != nil {
			begin(n)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- n.Run(ctx) }()
		n.after(3 * time.Second)
		f(n)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// after lets made-up time go by and waits for what is done then.
func (n *productsRunner) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (n *productsRunner) status() projections.Status {
	n.T.Helper()
	all, err := n.Status(n.T.Context())
	if err != nil {
		n.T.Fatal(err)
	}
	return all[0]
}

func (n *productsRunner) is(state projections.State, events int64, least, most time.Duration, ready bool) {
	n.T.Helper()
	s, err := n.status(), n.Ready(n.T.Context())
	if s.State != state || s.LagEvents != events || s.Lag < least || s.Lag > most || (err == nil) != ready {
		n.T.Errorf("it is %+v, ready: %v; want %s with %d events, %s to %s behind, ready: %t", s, err, state, events, least, most, ready)
	}
	if err != nil && (domain.KindOf(err) != domain.Unavailable || !strings.Contains(err.Error(), "products")) {
		n.T.Errorf("it is not ready and says %v", err)
	}
}

func TestASilentSubscriptionIsSeenAndOpenedAnew(t *testing.T) {
	follow(t, nil, func(n *productsRunner) {
		n.is(projections.Following, 0, 0, 0, true)
		n.log.quiet.Store(true)
		n.Append(listed("a"), listed("b"))
		n.after(5 * time.Second)
		n.is(projections.Following, 2, 5*time.Second, 5*time.Second, true)
		n.after(following.StalledAfter)
		n.is(projections.Stalled, 2, 15*time.Second, 15*time.Second, false)
		n.Append(listed("c"))
		n.after(following.ReopenAfter - 17*time.Second)
		n.is(projections.Stalled, 3, 58*time.Second, 58*time.Second, false)
		if have := n.log.opened.Load(); have != 1 {
			t.Errorf("it subscribed %d times within %s", have, following.ReopenAfter)
		}
		n.log.quiet.Store(false)
		n.after(2*following.CheckEvery + time.Second)
		n.is(projections.Following, 0, 0, 0, true)
		if n.views.len() != 3 || n.log.opened.Load() != 2 {
			t.Errorf("%d rows after %d subscriptions", n.views.len(), n.log.opened.Load())
		}
	})
}

// TestASubscriptionThatIsSilentFromTheStart is behind with a whole log.
func TestASubscriptionThatIsSilentFromTheStart(t *testing.T) {
	follow(t, func(n *productsRunner) {
		for i := range 3_000 {
			n.Append(listed(domain.SKU("sku" + string(rune('a'+i%26)) + strings.Repeat("x", i/26))))
		}
		n.log.quiet.Store(true)
	}, func(n *productsRunner) {
		n.is(projections.Following, projections.MaxLagEvents, 3*time.Second, 3*time.Second, false)
		n.after(8 * time.Second)
		n.is(projections.Stalled, projections.MaxLagEvents, 11*time.Second, 11*time.Second, false)
		n.log.quiet.Store(false)
		n.after(following.ReopenAfter)
		n.is(projections.Following, 0, 0, 0, true)
	})
}

func TestAViewThatFailsForLongIsNotReady(t *testing.T) {
	follow(t, nil, func(n *productsRunner) {
		n.views.fail(domain.Errorf(domain.Unavailable, "the disk is away"))
		n.Append(listed("a"))
		n.after(5 * time.Second)
		n.is(projections.Retrying, 1, 5*time.Second, 5*time.Second, true)
		n.after(6 * time.Second)
		n.is(projections.Retrying, 1, 11*time.Second, 11*time.Second, false)
		n.views.fail(nil)
		n.after(2 * projections.StoreRetryWait)
		n.is(projections.Following, 0, 0, 0, true)
		n.views.fail(domain.Errorf(domain.Invalid, "a text with NUL")) // of the store, not of the log
		n.Append(listed("b"))
		n.after(time.Second)
		n.is(projections.Broken, 1, time.Second, time.Second, false)
	})
}

// TestWhatBecomesOfAFailedSubscription walks the table of remedies.
func TestWhatBecomesOfAFailedSubscription(t *testing.T) {
	for kind, want := range map[domain.Kind]projections.State{
		domain.Unavailable: projections.Following, domain.Unknown: projections.Following, domain.NotFound: projections.Following,
		domain.Exhausted: projections.Following, domain.ReadOnly: projections.Following,
		domain.Invalid: projections.Following, domain.Conflict: projections.Following,
		domain.Internal: projections.Broken, domain.Incomplete: projections.Broken, domain.Mismatch: projections.Broken, domain.Rejected: projections.Broken,
	} {
		t.Run(kind.String(), func(t *testing.T) {
			follow(t, nil, func(n *productsRunner) {
				failed := error(domain.Errorf(kind, "it failed"))
				n.log.fails.Store(&failed)
				n.Append(listed("a"))
				n.after(3 * projections.StoreRetryWait)
				if want == projections.Broken {
					n.is(want, 1, 3*time.Second, 3*time.Second, false)
					return
				}
				n.is(want, 0, 0, 0, true)
				if n.views.len() != 1 || n.log.opened.Load() != 2 {
					t.Errorf("%d rows after %d subscriptions", n.views.len(), n.log.opened.Load())
				}
			})
		})
	}
}
