package redis_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sort"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/redis"
	"orderflow/projections"
	"orderflow/projections/projectionstest"
	"orderflow/readmodels"
)

// truth is a view that remembers all it ever showed. Its rows are made up: an
// order's figures follow from its id and the position.
type truth struct {
	mu       sync.Mutex
	at       eventlog.Position
	versions map[domain.OrderID][]eventlog.Position // at which the row changed
}

func newTruth() *truth { return &truth{versions: map[domain.OrderID][]eventlog.Position{}} }

func rowAt(id domain.OrderID, at eventlog.Position) readmodels.Order {
	return readmodels.Order{
		ID: id, Customer: "c", Warehouse: "main", Status: readmodels.OrderConfirmed, Total: domain.GBP(int64(at)), Refunded: domain.GBP(0),
		Lines:  []readmodels.OrderLine{{SKU: "a", Name: "WHITE HANGING HEART", Quantity: int64(at), PriceMinor: 255}},
		Origin: "api", PlacedAt: time.UnixMicro(1).UTC(), UpdatedAt: time.UnixMicro(int64(at)).UTC(), Version: 1, Position: int64(at),
	}
}

// commit changes some orders and returns the batch.
func (v *truth) commit(ids ...domain.OrderID) projections.Batch {
	v.mu.Lock()
	defer v.mu.Unlock()
	b := projections.Batch{Above: v.at, To: projectionstest.At(v.at + eventlog.Position(len(ids)) + 1)}
	for i, id := range ids {
		at := v.at + eventlog.Position(i) + 1
		v.versions[id] = append(v.versions[id], at)
		readmodels.OrderView.Add(&b.Rows, rowAt(id, at))
	}
	v.at = b.To.Position()
	return b
}

// as returns the row as it was at a position, 0 when there was none.
func (v *truth) as(id domain.OrderID, at eventlog.Position) eventlog.Position {
	v.mu.Lock()
	defer v.mu.Unlock()
	all := v.versions[id]
	i := sort.Search(len(all), func(i int) bool { return all[i] > at })
	if i == 0 {
		return 0
	}
	return all[i-1]
}

func (v *truth) Order(_ context.Context, id domain.OrderID) (readmodels.Order, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if all := v.versions[id]; len(all) > 0 {
		return rowAt(id, all[len(all)-1]), nil
	}
	return readmodels.Order{}, domain.Errorf(domain.NotFound, "There is no order %s.", id)
}

func (v *truth) Orders(context.Context, readmodels.OrderQuery) (readmodels.OrderPage, error) {
	return readmodels.OrderPage{}, nil
}

func idOf(i int) domain.OrderID { return domain.OrderID(fmt.Sprintf("ord_%03d", i)) }

const (
	manyOrders   = 300
	rowsOfABatch = 20
	enoughHits   = 200 // answers from Redis, without which a test shows little; a slow machine takes more rounds
)

func someOrders(chance *rand.Rand) (ids []domain.OrderID) {
	for _, i := range chance.Perm(manyOrders)[:1+chance.IntN(rowsOfABatch)] {
		ids = append(ids, idOf(i))
	}
	return ids
}

// reader asks at random and holds each answer against the truth: it must be a
// row as it was at some moment, and that moment is not before any this reader saw.
type reader struct {
	front readmodels.Orders
	seen  eventlog.Position
	asked int64
}

func (r *reader) ask(t *testing.T, v *truth, id domain.OrderID) bool {
	least := v.as(id, r.seen)
	row, err := r.front.Order(context.Background(), id)
	r.asked++
	if domain.KindOf(err) == domain.NotFound && err != nil {
		if least > 0 {
			t.Errorf("%s is not found; this reader has seen %d, and it was there at %d", id, r.seen, least)
		}
		return least == 0
	}
	at := eventlog.Position(row.Position)
	switch {
	case err != nil:
		t.Errorf("%s: %v", id, err)
	case at < least:
		t.Errorf("%s is shown as of %d; this reader has seen %d, when it was as of %d", id, at, r.seen, least)
	case v.as(id, at) != at || !reflect.DeepEqual(row, rowAt(id, at)):
		t.Errorf("%s never was\n%+v", id, row)
	default:
		r.seen = max(r.seen, at)
		return true
	}
	return false
}

// torture mirrors a history while readers read and something is done to Redis,
// over and over. Two readers share a process, the others have their own.
func torture(t *testing.T, seed uint64, urls []string, timeout time.Duration, rounds int, harm func(chance *rand.Rand)) (redis.Stats, redis.Stats) {
	t.Helper()
	t.Logf("seed %d", seed)
	const prefix = "torture"
	v := newTruth()
	projector, shared := openAs(t, prefix, timeout, urls...), openAs(t, prefix, timeout, urls...)
	mirror := projector.Mirror()
	var stop atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for chance := rand.New(rand.NewPCG(seed, 1)); !stop.Load(); {
			mirror.Wrote(projections.Orders, v.commit(someOrders(chance)...))
			<-time.After(time.Duration(chance.IntN(2_000)) * time.Microsecond)
		}
	})
	readers := make([]*reader, 4)
	for i := range readers {
		process := shared
		if i > 1 {
			process = openAs(t, prefix, timeout, urls...)
		}
		readers[i] = &reader{front: process.Orders(v, nil)}
		wg.Go(func() {
			for chance := rand.New(rand.NewPCG(seed, uint64(10+i))); !stop.Load(); {
				if !readers[i].ask(t, v, idOf(chance.IntN(manyOrders+10))) {
					stop.Store(true)
				}
			}
		})
	}
	chance := rand.New(rand.NewPCG(seed, 2))
	deadline := time.Now().Add(time.Minute)
	for n := 0; n < rounds || shared.Stats().Hits < enoughHits && time.Now().Before(deadline); n++ {
		if stop.Load() {
			break
		}
		<-time.After(time.Duration(chance.IntN(30)) * time.Millisecond)
		harm(chance)
	}
	stop.Store(true)
	wg.Wait()
	var asked int64
	for _, r := range readers {
		asked += r.asked
	}
	s, w := shared.Stats(), projector.Stats()
	t.Logf("%d answers, up to position %d; two readers: %d from Redis, %d absent, %d older; mirror: %d rows, %d epochs, %d missed, %d dropped",
		asked, v.at, s.Hits, s.Absent, s.Older, w.Mirrored, w.Epochs, w.Missed, w.Dropped)
	return s, w
}

func newSeed() uint64 { return rand.Uint64() }

func TestFlushesNeverChangeAnAnswer(t *testing.T) {
	s := startServer(t)
	c := s.client()
	defer c.Close() //nolint:errcheck // it only flushed
	flushes := 0
	read, written := torture(t, newSeed(), []string{s.url()}, patient, 300, func(*rand.Rand) {
		if err := c.FlushAll(context.Background()).Err(); err != nil {
			t.Fatal(err)
		}
		flushes++
	})
	if flushes < 300 || read.Hits < enoughHits || written.Epochs < 300 {
		t.Errorf("%d flushes, %d answers from Redis, %d epochs: the test shows less than it says", flushes, read.Hits, written.Epochs)
	}
}

func TestEvictionsNeverChangeAnAnswer(t *testing.T) {
	s := startServer(t)
	c := s.client()
	defer c.Close() //nolint:errcheck // it only deleted
	deleted := 0
	read, _ := torture(t, newSeed(), []string{s.url()}, patient, 300, func(chance *rand.Rand) {
		for range 1 + chance.IntN(20) {
			key, err := c.RandomKey(context.Background()).Result()
			if err == nil {
				deleted += int(c.Del(context.Background(), key).Val())
			}
		}
	})
	if deleted < 1_000 || read.Hits < enoughHits {
		t.Errorf("%d evictions, %d answers from Redis: the test shows less than it says", deleted, read.Hits)
	}
}

// TestTimeTravelNeverChangesAnAnswer takes single tags back to an earlier
// moment, as a failover does that loses the newest writes.
func TestTimeTravelNeverChangesAnAnswer(t *testing.T) {
	s := startServer(t)
	c := s.client()
	defer c.Close() //nolint:errcheck // the answers tell
	ctx := context.Background()
	back := 0
	read, _ := torture(t, newSeed(), []string{s.url()}, patient, 200, func(chance *rand.Rand) {
		pattern := fmt.Sprintf("torture:*{o%d}*", chance.IntN(redis.TagCount))
		saved, err := save.Run(ctx, c, nil, pattern).StringSlice()
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Duration(chance.IntN(20)) * time.Millisecond)
		args := []any{pattern}
		for _, text := range saved {
			args = append(args, text)
		}
		if err := restore.Run(ctx, c, nil, args...).Err(); err != nil {
			t.Fatal(err)
		}
		back += len(saved) / 2
	})
	if back < 1_000 || read.Hits < enoughHits {
		t.Errorf("%d keys taken back, %d answers from Redis: the test shows less than it says", back, read.Hits)
	}
}
