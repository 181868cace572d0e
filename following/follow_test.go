package following_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/domain"
	"orderflow/following"
	"orderflow/infra/memory"
)

// kinds lists every kind of error there is.
func kinds() (all []domain.Kind) {
	for k := domain.Kind(0); k == 0 || k.String() != domain.Internal.String(); k++ {
		all = append(all, k)
	}
	return all
}

// wanted is what is to become of a failure; it is written here a second time.
func wanted() map[domain.Kind]following.Remedy {
	w := map[domain.Kind]following.Remedy{domain.Invalid: following.Rewind, domain.Conflict: following.Rewind}
	for _, k := range []domain.Kind{domain.Unavailable, domain.NotFound, domain.Unknown, domain.Exhausted, domain.ReadOnly} {
		w[k] = following.Retry
	}
	for _, k := range []domain.Kind{domain.Internal, domain.Rejected, domain.Mismatch, domain.Incomplete} {
		w[k] = following.End
	}
	return w
}

// Every kind of failure has its remedy, and Follow does what it says.
func TestEveryKindOfFailure(t *testing.T) {
	if have, want := len(kinds()), len(wanted()); have != want {
		t.Fatalf("there are %d kinds, and %d in the table", have, want)
	}
	for _, kind := range kinds() {
		t.Run(kind.String(), func(t *testing.T) {
			inBubble(t, func(b *bench) {
				var told []following.Remedy
				b.config.Failed = func(k domain.Kind, r following.Remedy) {
					if k == kind {
						told = append(told, r)
					}
				}
				b.Follower = following.New(b.config)
				b.add(b.log, "mine-1", 3)
				stop := b.follow()
				synctest.Wait()
				b.feed.Fail(domain.Errorf(kind, "it broke"), domain.Errorf(kind, "it broke again"))
				b.add(b.log, "mine-1", 2)
				time.Sleep(time.Second)
				if want := wanted()[kind]; want == following.Retry {
					b.wantEvents("after two failures", 5)
					if len(told) != 2 || told[0] != want {
						b.t.Errorf("told %v", told)
					}
					if err := stop(); !errors.Is(err, context.Canceled) {
						b.t.Errorf("it ended with %v", err)
					}
					return
				}
				if err := stop(); domain.KindOf(err) != kind {
					b.t.Errorf("it ended with %v", err)
				}
				if len(told) != 1 || told[0] != wanted()[kind] {
					b.t.Errorf("told %v", told)
				}
			})
		})
	}
}

// A subscription that fails three times in a row is not ready and is logged
// once; the first event after that mends it, and none is lost or comes twice.
func TestThreeFailuresAreNotReady(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.add(b.log, "mine-1", 3)
		stop := b.follow()
		synctest.Wait()
		if err := b.Ready(); err != nil {
			b.t.Errorf("at first: %v", err)
		}
		gone := domain.Errorf(domain.Unavailable, "no leader")
		b.feed.Fail(gone, gone)
		time.Sleep(following.FirstPause + following.FirstPause/2)
		if err := b.Ready(); err != nil {
			b.t.Errorf("after two failures: %v", err)
		}
		b.feed.Fail(gone, gone, gone)
		time.Sleep(2 * following.FirstPause)
		if err := b.Ready(); domain.KindOf(err) != domain.Unavailable || !strings.Contains(err.Error(), "saga test") || !strings.Contains(err.Error(), "no leader") {
			b.t.Errorf("after three failures: %v", err)
		}
		b.add(b.log, "mine-1", 1)
		time.Sleep(5 * time.Second)
		b.wantEvents("in the end", 4)
		if err := b.Ready(); err != nil {
			b.t.Errorf("in the end: %v", err)
		}
		if n := b.said.times("cannot be followed", "no leader"); n != 1 {
			b.t.Errorf("logged %d times, want once: %s", n, b.said.text.String())
		}
		_ = stop()
	})
}

// A reader proves its checkpoint MaxRewinds times in a row and then ends; an
// event or a watermark between them resets the count.
func TestRewindsAreCounted(t *testing.T) {
	inBubble(t, func(b *bench) {
		refused := domain.Errorf(domain.Invalid, "no position")
		for n := range following.MaxRewinds {
			if !b.Rewinds(refused) {
				b.t.Fatalf("rewind %d is refused", n+1)
			}
		}
		if b.Rewinds(refused) {
			b.t.Error("one more rewind is allowed")
		}
		stop := b.follow()
		synctest.Wait() // a watermark came
		_ = stop()
		if !b.Rewinds(refused) {
			b.t.Error("after a watermark a rewind is refused")
		}
		if b.Rewinds(domain.Errorf(domain.Internal, "broken")) || b.Rewinds(domain.Errorf(domain.Unavailable, "gone")) {
			b.t.Error("another remedy is a rewind")
		}
	})
}

// A log that was replaced by one with the same positions answers after a lost
// connection: what was read is not in it, and the reader is told.
func TestAnotherLogAnswersAfterAFailure(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.add(b.log, "mine-1", 5)
		stop := b.follow()
		synctest.Wait()
		other := memory.New()
		add(b.t, other, "mine-1", "other", 9)
		b.feed.Replace(other, domain.Errorf(domain.Unavailable, "connection lost"))
		time.Sleep(time.Second)
		b.wantEvents("of both logs", 5)
		if err := stop(); domain.KindOf(err) != domain.Invalid || !strings.Contains(err.Error(), "another event") {
			b.t.Errorf("it ended with %v", err)
		}
	})
}

// A log that ends for StalledAfter before what was read from it was set back.
func TestALogThatIsSetBack(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.add(b.log, "mine-1", 5)
		stop := b.follow()
		synctest.Wait()
		older := memory.New()
		b.add(older, "mine-1", 2)
		b.feed.Replace(older, domain.Errorf(domain.Unavailable, "connection lost"))
		time.Sleep(following.StalledAfter / 2)
		if err := b.end(); err != nil {
			b.t.Errorf("after half the time it ended with %v", err)
		}
		time.Sleep(following.StalledAfter)
		if err := stop(); domain.KindOf(err) != domain.Invalid || !strings.Contains(err.Error(), "older backup") {
			b.t.Errorf("it ended with %v", err)
		}
	})
}

// What a short look back says is not believed: a node behind the leader may
// have answered.
func TestAnEndThatIsShortForAMoment(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.add(b.log, "mine-1", 5)
		stop := b.follow()
		synctest.Wait()
		behind := memory.New()
		b.add(behind, "mine-1", 2)
		lost := domain.Errorf(domain.Unavailable, "connection lost")
		b.feed.Replace(behind, lost)
		time.Sleep(following.StalledAfter / 2)
		b.feed.Replace(b.log, lost)
		b.add(b.log, "mine-1", 1)
		time.Sleep(2 * following.StalledAfter)
		b.wantEvents("in the end", 6)
		if err := stop(); !errors.Is(err, context.Canceled) {
			b.t.Errorf("it ended with %v", err)
		}
	})
}
