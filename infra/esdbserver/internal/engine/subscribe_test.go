package engine_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"sync"
	"testing"

	"orderflow/domain"
	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/memory"
)

// follow pulls messages one by one; each is told in a word or two.
func follow(t *testing.T, messages iter.Seq2[engine.Message, error]) (next func() string) {
	pull, stop := iter.Pull2(messages)
	t.Cleanup(stop)
	return func() string {
		m, err, ok := pull()
		_, deleted := errors.AsType[*engine.DeletedError](err)
		switch {
		case !ok:
			return "end"
		case deleted:
			return "deleted"
		case err != nil:
			return err.Error()
		case m.CaughtUp:
			return "caught up"
		case m.Resolved != nil && m.Resolved.Event.Number == engine.DeletedNumber:
			return "tombstone"
		case m.Resolved != nil:
			return fmt.Sprint(m.Resolved.Event.Stream, " ", m.Resolved.Event.Number)
		default:
			return fmt.Sprint("checkpoint ", m.Checkpoint)
		}
	}
}

func expect(t *testing.T, next func() string, want ...string) {
	t.Helper()
	for i, w := range want {
		if got := next(); got != w {
			t.Fatalf("message %d is %q; want %q", i, got, w)
		}
	}
}

// TestSubscribeStream catches up, goes on and ends with its stream.
func TestSubscribeStream(t *testing.T) {
	logs(t, func(t *testing.T, log engine.Log) {
		e := newEngine(t, log)
		must(t, e, "s", engine.Any, events("a", "b", "c"))
		all := follow(t, e.SubscribeStream(ctx(t), "s", -1, false))
		after := follow(t, e.SubscribeStream(ctx(t), "s", 1, false))
		fresh := follow(t, e.SubscribeStream(ctx(t), "s", engine.NewestNumber, false))
		beyond := follow(t, e.SubscribeStream(ctx(t), "s", 3, false))
		missing := follow(t, e.SubscribeStream(ctx(t), "missing", -1, false))
		expect(t, all, "s 0", "s 1", "s 2", "caught up")
		expect(t, after, "s 2", "caught up")
		expect(t, fresh, "caught up")
		expect(t, beyond, "caught up")
		expect(t, missing, "caught up")
		expect(t, follow(t, e.SubscribeStream(ctx(t), "s", math.MaxInt64, false)), "caught up")
		must(t, e, "other", engine.Any, events("x"))
		must(t, e, "s", engine.Any, events("d", "e"))
		must(t, e, "missing", engine.Any, events("f"))
		expect(t, all, "s 3", "s 4")
		expect(t, fresh, "s 3", "s 4")
		expect(t, beyond, "s 4")
		expect(t, missing, "missing 0")
		if _, err := e.Delete(ctx(t), "s", engine.Any); err != nil {
			t.Fatal(err)
		}
		late := follow(t, e.SubscribeStream(ctx(t), "s", -1, false))
		expect(t, late, "caught up")
		must(t, e, "s", engine.NoStream, events("g"))
		expect(t, late, "s 5")
		expect(t, all, "s 5")
		if _, err := e.Tombstone(ctx(t), "s", engine.Any); err != nil {
			t.Fatal(err)
		}
		expect(t, all, "tombstone", "deleted", "end")
		expect(t, follow(t, e.SubscribeStream(ctx(t), "s", -1, false)), "deleted", "end")
	})
}

// TestLiveIsNotTruncated says that who is there sees all that is appended,
// though $maxCount would hide some of it from who comes later.
func TestLiveIsNotTruncated(t *testing.T) {
	e := newEngine(t, memory.NewDense())
	must(t, e, "$$s", engine.Any, metadata(`{"$maxCount":1}`))
	must(t, e, "s", engine.Any, events("a", "b"))
	live := follow(t, e.SubscribeStream(ctx(t), "s", -1, false))
	expect(t, live, "s 1", "caught up")
	must(t, e, "s", engine.Any, events("c", "d"))
	expect(t, live, "s 2", "s 3")
	expect(t, follow(t, e.SubscribeStream(ctx(t), "s", -1, false)), "s 3", "caught up")
}

// TestSubscribeAll tells checkpoints only of what was passed.
func TestSubscribeAll(t *testing.T) {
	logs(t, func(t *testing.T, log engine.Log) {
		e := newEngine(t, log)
		for i := range 5 {
			must(t, e, []string{"a", "b"}[i%2], engine.Any, events(fmt.Sprint(i)))
		}
		onlyA := func(e *engine.Event) bool { return e.Stream == "a" }
		nothing := func(*engine.Event) bool { return false }
		filtered := follow(t, e.SubscribeAll(ctx(t), 0, false, onlyA, engine.Checkpoints{Every: 2}))
		expect(t, filtered, "a 0", "checkpoint 2", "a 1", "checkpoint 4", "a 2", "checkpoint 5", "caught up")
		expect(t, follow(t, e.SubscribeAll(ctx(t), 0, false, nothing, engine.Checkpoints{Every: 100})), "checkpoint 5", "caught up")
		idle := follow(t, e.SubscribeAll(ctx(t), 5, false, nothing, engine.Checkpoints{Every: 1}))
		expect(t, idle, "caught up") // nothing was considered
		fresh := follow(t, e.SubscribeAll(ctx(t), engine.NewestPosition, false, nil, engine.Checkpoints{}))
		expect(t, fresh, "caught up")
		beyond := follow(t, e.SubscribeAll(ctx(t), 6, false, nil, engine.Checkpoints{}))
		expect(t, beyond, "caught up")
		must(t, e, "b", engine.Any, events("x"))
		must(t, e, "a", engine.Any, events("y"))
		expect(t, filtered, "a 3", "checkpoint 7")
		expect(t, idle, "checkpoint 6", "checkpoint 7")
		expect(t, fresh, "b 2", "a 3")
		expect(t, beyond, "a 3")
	})
}

// TestSubscriptionsEnd says why they end.
func TestSubscriptionsEnd(t *testing.T) {
	e := engine.New(memory.NewDense(), engine.Options{})
	given, cancel := context.WithCancel(t.Context())
	one := follow(t, e.SubscribeStream(given, "s", -1, false))
	two := follow(t, e.SubscribeAll(ctx(t), 0, false, nil, engine.Checkpoints{}))
	expect(t, one, "caught up")
	expect(t, two, "caught up")
	cancel()
	expect(t, one, context.Canceled.Error(), "end")
	e.Close()
	for _, err := range e.SubscribeAll(ctx(t), 0, false, nil, engine.Checkpoints{}) {
		if err != nil && domain.KindOf(err) != domain.Unavailable {
			t.Errorf("%v", err)
		}
	}
	expect(t, two, "The node is being stopped.", "end")
}

// TestFallingBehind says that who was live and gets far behind catches up again.
func TestFallingBehind(t *testing.T) {
	e := newEngine(t, memory.NewDense())
	all := follow(t, e.SubscribeAll(ctx(t), 0, false, nil, engine.Checkpoints{}))
	stream := follow(t, e.SubscribeStream(ctx(t), "s", -1, false))
	expect(t, all, "caught up")
	expect(t, stream, "caught up")
	const burst = 600
	for i := range burst {
		must(t, e, "s", engine.Any, events(fmt.Sprint(i)))
	}
	for i := range burst {
		expect(t, all, fmt.Sprint("s ", i))
		expect(t, stream, fmt.Sprint("s ", i))
	}
	expect(t, all, "caught up")
	expect(t, stream, "caught up")
}

// TestManyFollowers says that followers of one stream, fast and slow, each get
// all of it in order, while it grows.
func TestManyFollowers(t *testing.T) {
	logs(t, func(t *testing.T, log engine.Log) {
		e := newEngine(t, log)
		const followers, appends = 8, 400
		var wg sync.WaitGroup
		ready := make(chan struct{}, followers)
		slow := make(chan struct{})
		for i := range followers {
			wg.Go(func() {
				next := int64(0)
				for m, err := range e.SubscribeStream(ctx(t), "s", -1, false) {
					switch {
					case err != nil:
						t.Error(err)
						return
					case m.CaughtUp:
						ready <- struct{}{}
						if i == 0 {
							<-slow
						}
						continue
					case m.Resolved.Event.Number != next:
						t.Errorf("follower %d got %d after %d", i, m.Resolved.Event.Number, next-1)
						return
					}
					if next++; next == appends {
						return
					}
				}
			})
		}
		for range followers {
			<-ready
		}
		for i := range appends {
			must(t, e, "s", engine.Any, events(fmt.Sprint(i)))
			must(t, e, "other", engine.Any, events(fmt.Sprint("other", i)))
		}
		close(slow)
		wg.Wait()
	})
}
