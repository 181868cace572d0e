package following_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/domain"
	"orderflow/following"
)

// A subscription that brings neither an event nor an error while the log grows
// is reported after StalledAfter, and opened again after ReopenAfter.
func TestASilentSubscription(t *testing.T) {
	inBubble(t, func(b *bench) {
		var stalls atomic.Int64
		b.config.Stalled = func() { stalls.Add(1) }
		b.Follower = following.New(b.config)
		b.add(b.log, "mine-1", 3)
		stop := b.follow()
		time.Sleep(time.Minute) // quiet because there is nothing
		b.feed.Silence(true)
		b.add(b.log, "mine-1", 2)
		time.Sleep(following.StalledAfter - time.Second)
		synctest.Wait()
		if err := b.Ready(); err != nil || stalls.Load() != 0 {
			b.t.Errorf("before its time: %d reports, %v", stalls.Load(), err)
		}
		time.Sleep(time.Second + 2*following.CheckEvery)
		synctest.Wait()
		err := b.Ready()
		if domain.KindOf(err) != domain.Unavailable || stalls.Load() != 1 || b.said.times("level=ERROR", "brings nothing", "saga test") != 1 {
			b.t.Errorf("after %v: %d reports, %v, said %s", following.StalledAfter, stalls.Load(), err, b.said.text.String())
		}
		if h := b.Health(); h.Quiet < following.StalledAfter || h.Oldest.IsZero() || h.Position >= h.End {
			b.t.Errorf("health %+v", h)
		}
		b.feed.Silence(false)
		time.Sleep(following.ReopenAfter - following.StalledAfter - 3*following.CheckEvery)
		b.wantEvents("before it is opened anew", 3)
		time.Sleep(4 * following.CheckEvery)
		synctest.Wait()
		b.wantEvents("after it was opened anew", 5)
		if opened, reconnects, _ := b.feed.Counts(); opened != 2 || reconnects != 1 {
			b.t.Errorf("%d subscriptions, %d reconnects; want 2 and 1", opened, reconnects)
		}
		if err := b.Ready(); err != nil || b.said.times("followed again") != 1 || stalls.Load() != 1 {
			b.t.Errorf("in the end: %v, %d reports, said %s", err, stalls.Load(), b.said.text.String())
		}
		_ = stop()
	})
}

// One that is silent from the start never catches up: it is reported and opened
// again and again, and there is one report.
func TestASubscriptionThatIsSilentFromTheStart(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.add(b.log, "mine-1", 3)
		b.feed.Silence(true)
		stop := b.follow()
		synctest.Wait()
		if err := b.Ready(); err == nil || !strings.Contains(err.Error(), "has not caught up") {
			b.t.Errorf("at first: %v", err)
		}
		time.Sleep(following.StalledAfter + following.CheckEvery)
		if err := b.Ready(); err == nil || !strings.Contains(err.Error(), "stalled") {
			b.t.Errorf("after %v: %v", following.StalledAfter, err)
		}
		time.Sleep(3 * following.ReopenAfter)
		if opened, reconnects, _ := b.feed.Counts(); opened != 4 || reconnects != 3 || b.said.times("brings nothing") != 1 {
			b.t.Errorf("%d subscriptions, %d reconnects, said %s", opened, reconnects, b.said.text.String())
		}
		b.feed.Silence(false)
		time.Sleep(following.ReopenAfter + following.CheckEvery)
		b.wantEvents("in the end", 3)
		if err := b.Ready(); err != nil {
			b.t.Errorf("in the end: %v", err)
		}
		_ = stop()
	})
}

// A reader that takes its time is not a stalled subscription, nor is one that
// has read everything and deals with it for long.
func TestASlowReaderIsNotAStall(t *testing.T) {
	for name, slow := range map[string]func(*bench){
		"with an event in its hands": func(b *bench) { b.hold = make(chan struct{}) },
		"with events in its lanes":   func(b *bench) { b.apply = false },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(b *bench) {
				slow(b)
				stop := b.follow()
				synctest.Wait()
				b.add(b.log, "mine-1", 3)
				time.Sleep(3 * following.ReopenAfter)
				h := b.Health()
				if h.Quiet != 0 || h.Oldest.IsZero() {
					b.t.Errorf("health %+v, want an oldest event and no quiet", h)
				}
				if opened, _, _ := b.feed.Counts(); opened != 1 || b.said.times("brings nothing") != 0 || b.Ready() != nil {
					b.t.Errorf("%d subscriptions, %v, said %s", opened, b.Ready(), b.said.text.String())
				}
				_ = stop()
			})
		})
	}
}

// While nothing of the reader's comes, its position moves to the end of the log.
func TestAnIdleFollowerMovesToTheEnd(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.apply = false
		first := b.add(b.log, "mine-1", 1)
		stop := b.follow()
		synctest.Wait()
		b.Applied(first.Position)
		end := b.add(b.log, "others-1", 500)
		time.Sleep(2 * following.CheckEvery)
		if h := b.Health(); h.Position != end.Position || h.End != end.Position || !h.Oldest.IsZero() {
			b.t.Errorf("health %+v, want position %d", h, end.Position)
		}
		b.add(b.log, "mine-1", 1)
		b.add(b.log, "others-1", 5)
		time.Sleep(2 * following.CheckEvery)
		if h := b.Health(); h.Position != end.Position || h.Oldest.IsZero() {
			b.t.Errorf("health %+v, want position %d and an oldest event", h, end.Position)
		}
		_ = stop()
	})
}
