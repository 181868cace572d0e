package redis_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/deploy/servicestest"
	"orderflow/infra/redis"
	"orderflow/projections"
)

// proxied returns a proxy to the node that tests share.
func proxied(t *testing.T) *servicestest.Proxy {
	t.Helper()
	return servicestest.NewProxy(t, strings.TrimPrefix(servicestest.Redis(t), "redis://"))
}

// TestRedisIsAway opens a client where nobody listens: everything is asked
// behind, and says Unavailable where there is nothing behind.
func TestRedisIsAway(t *testing.T) {
	p := proxied(t)
	p.Down()
	r := open(t, redis.DefaultTimeout, "redis://"+p.Address())
	v := newTruth()
	r.Mirror().Wrote(projections.Orders, v.commit(idOf(1)))
	row, err := r.Orders(v, nil).Order(t.Context(), idOf(1))
	if err != nil || row.ID != idOf(1) {
		t.Errorf("the view is not asked: %+v, %v", row, err)
	}
	_, limited := r.Limiter().Take(t.Context(), "k", 1, time.Second)
	_, loaded := r.Results().Load(t.Context(), "o")
	stored := r.Results().Store(t.Context(), "o", redis.Result{Body: []byte("{}")})
	_, available := r.Available().Read(t.Context(), place, article)
	counted := r.Counters().Add(t.Context(), "orders.success", 1)
	for i, err := range []error{r.Ping(t.Context()), limited, loaded, available, counted, errors.Unwrap(stored)} {
		if i == 5 {
			err = stored
		}
		if domain.KindOf(err) != domain.Unavailable {
			t.Errorf("call %d answers %v, not Unavailable", i, err)
		}
	}
	if s := r.Stats(); s.Network < redis.MaxFailures || s.Skipped == 0 || s.Timeouts != 0 {
		t.Errorf("stats are %+v", s)
	}
}

// TestABlackHoleCostsOneTimeoutASecond asks 500 times while Redis swallows
// everything, and again when it is back.
func TestABlackHoleCostsOneTimeoutASecond(t *testing.T) {
	p := proxied(t)
	r := open(t, redis.DefaultTimeout, "redis://"+p.Address())
	v := newTruth()
	r.Mirror().Wrote(projections.Orders, v.commit(idOf(1)))
	front := r.Orders(v, nil)
	ask := func() {
		if row, err := front.Order(context.Background(), idOf(1)); err != nil || row.ID != idOf(1) {
			t.Fatalf("the answer is %+v, %v", row, err)
		}
	}
	hits := func() int64 { ask(); return r.Stats().Hits }
	eventually(t, "a first answer from Redis", func() bool { return hits() > 0 })

	p.Mute.Store(true)
	before, begun := r.Stats(), time.Now()
	for range 500 {
		ask()
	}
	took, after := time.Since(begun), r.Stats()
	tried := after.Calls - before.Calls
	if most := int64(redis.MaxFailures + 1 + took/redis.LeaveAlone); tried > most || after.Hits != before.Hits {
		t.Errorf("in %v Redis was tried %d times, at most %d are due; %d hits", took, tried, most, after.Hits-before.Hits)
	}
	if after.Timeouts-before.Timeouts != tried {
		t.Errorf("%d of %d calls were timeouts", after.Timeouts-before.Timeouts, tried)
	}
	t.Logf("500 answers in %v, Redis tried %d times", took, tried)

	p.Mute.Store(false)
	lost := r.Stats().Hits
	eventually(t, "an answer from Redis again", func() bool {
		r.Mirror().Wrote(projections.Orders, v.commit(idOf(1)))
		<-time.After(10 * time.Millisecond)
		return hits() > lost
	})
}

// TestASlowRedisHoldsUpNoProjection shows more than there is room for while
// each answer takes longer than anybody waits.
func TestASlowRedisHoldsUpNoProjection(t *testing.T) {
	p := proxied(t)
	r := open(t, redis.DefaultTimeout, "redis://"+p.Address())
	mirror, v := r.Mirror(), newTruth()
	p.Delay.Store(int64(200 * time.Millisecond))
	var longest time.Duration
	chance := rand.New(rand.NewPCG(1, 2))
	for range 20 * redis.MaxQueuedBatches {
		b := v.commit(someOrders(chance)...)
		begun := time.Now()
		mirror.Wrote(projections.Orders, b)
		longest = max(longest, time.Since(begun))
	}
	if longest > 100*time.Millisecond { // a pause of the machine's; a call to Redis is 200
		t.Errorf("the projection was held up for %v", longest)
	}
	p.Delay.Store(0)
	if s := r.Stats(); s.Dropped < 10*redis.MaxQueuedBatches {
		t.Errorf("only %d batches were dropped: the test shows less than it says", s.Dropped)
	}
	check := &reader{front: open(t, patient, "redis://"+p.Address()).Orders(v, nil)}
	begun := r.Stats().Mirrored
	eventually(t, "mirrored again", func() bool {
		mirror.Wrote(projections.Orders, v.commit(someOrders(chance)...))
		<-time.After(5 * time.Millisecond)
		return r.Stats().Mirrored > begun+1_000
	})
	for i := range manyOrders {
		check.ask(t, v, idOf(i))
	}
}

// TestAResetIsNotForgotten resets while Redis is away, and shows nothing more.
func TestAResetIsNotForgotten(t *testing.T) {
	p := proxied(t)
	pair := newPair(t, []string{servicestest.Redis(t)})
	prefix := servicestest.Prefix()
	pair.projector = openAs(t, prefix, patient, "redis://"+p.Address())
	pair.join(t, prefix, []string{servicestest.Redis(t)})
	pair.wrote(t, batch(0, 9, stockAt(9)))
	pair.answers(t, 9)
	first := pair.epoch(t)
	p.Down()
	pair.projector.Mirror().Reset(projections.Stock, 9) // other rows, and the same position
	eventually(t, "noticed", func() bool { return pair.projector.Stats().Missed > 0 })
	pair.answers(t, 9) // nobody could tell Redis
	p.Up()
	eventually(t, "a new epoch", func() bool { return pair.epoch(t) != first })
	pair.stands(t, 9)
	pair.answers(t, 0)
}

func TestRestartsNeverChangeAnAnswer(t *testing.T) {
	for name, args := range map[string][]string{
		"without persistence": nil,
		"from an old dump":    {"--dbfilename", "dump.rdb"},
		"from its log":        {"--appendonly", "yes", "--appendfsync", "everysec"},
	} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, args...)
			restarts := 0
			read, _ := torture(t, newSeed(), []string{s.url()}, redis.DefaultTimeout, 60, func(chance *rand.Rand) {
				if name == "from an old dump" && restarts%2 == 0 {
					s.do("SAVE")
				}
				<-time.After(time.Duration(chance.IntN(50)) * time.Millisecond)
				if restarts++; restarts%10 == 0 {
					s.restart()
					<-time.After(1_500 * time.Millisecond) // until it is tried again
				}
			})
			if restarts < 60 || read.Hits < enoughHits {
				t.Errorf("%d rounds, %d answers from Redis: the test shows less than it says", restarts, read.Hits)
			}
		})
	}
}

// TestAMasterDies kills one of three masters, which has a replica: rows of the
// others are answered throughout, and those of the dead one again later.
func TestAMasterDies(t *testing.T) {
	masters := startCluster(t)
	urls := urlsOf(masters)
	rounds, killed := 0, false
	read, written := torture(t, newSeed(), urls, redis.DefaultTimeout, 120, func(*rand.Rand) {
		<-time.After(50 * time.Millisecond)
		if rounds++; rounds == 60 {
			killed = true
			masters[0].kill()
		}
	})
	if read.Hits < enoughHits || written.Missed == 0 || !killed {
		t.Errorf("%d answers from Redis, %d batches missed: the test shows less than it says", read.Hits, written.Missed)
	}
	r := open(t, redis.DefaultTimeout, urls...)
	v := newTruth()
	at := eventlog.Position(1_000_000)
	r.Mirror().Reset(projections.Orders, at)
	v.at = at
	eventually(t, "every order from Redis, after the failover", func() bool {
		var ids []domain.OrderID
		for i := range manyOrders {
			ids = append(ids, idOf(i))
		}
		r.Mirror().Wrote(projections.Orders, v.commit(ids...))
		<-time.After(50 * time.Millisecond)
		found := 0
		for _, id := range ids {
			if _, err := r.Orders(nowhere{}, nil).Order(context.Background(), id); err == nil {
				found++
			}
		}
		return found == manyOrders
	})
}

// TestAClientFindsTheNewMaster opens a client just before a master dies, so
// that all it knows is wrong, and looks how long its keys are out of reach.
func TestAClientFindsTheNewMaster(t *testing.T) {
	masters := startCluster(t)
	r := open(t, redis.DefaultTimeout, urlsOf(masters)...)
	v := newTruth()
	var ids []domain.OrderID
	for i := range manyOrders {
		ids = append(ids, idOf(i))
	}
	all := func() bool {
		r.Mirror().Wrote(projections.Orders, v.commit(ids...))
		<-time.After(50 * time.Millisecond)
		for _, id := range ids {
			if _, err := r.Orders(nowhere{}, nil).Order(context.Background(), id); err != nil {
				return false
			}
		}
		return true
	}
	eventually(t, "every order from Redis", all)
	masters[0].kill()
	begun := time.Now()
	eventually(t, "every order from Redis, after the failover", all)
	t.Logf("%v after its master died, every order is answered by Redis", time.Since(begun))
}
