package kafka_test

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
	"orderflow/infra/kafka"
	"orderflow/infra/memory"
	"orderflow/sagas"
)

// member is one process of a saga: its own wire to the brokers, feed and driver.
type member struct {
	wire wire
	looks
	stop func() error
}

// join starts a member on the topics that c names.
func join(t *testing.T, log *memory.Log, c kafka.Config) *member {
	t.Helper()
	m := &member{}
	c.Dialer = &m.wire
	mine := kafka.New(c)
	m.stop = running(t, sagas.NewDriver(sagas.Driver{Saga: watching(log, &m.looks), Feed: mine.Feed("watching")}).Run)
	return m
}

func (l *looks) orders() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.seen)
}

// seenBy reports whether each order was looked at, at version v, by one of the members.
func seenBy(orders int, v int64, members ...*member) bool {
	for i := range orders {
		var seen int64
		for _, m := range members {
			m.mu.Lock()
			seen = max(seen, int64(m.seen[orderID(i)]))
			m.mu.Unlock()
		}
		if seen != v {
			return false
		}
	}
	return true
}

// share runs the relay on a log, and returns a configuration for members.
func share(t *testing.T, log *memory.Log) (k *kafka.Kafka, c kafka.Config) {
	t.Helper()
	k = brokers(t, func(own *kafka.Config) { own.SessionTimeout = 6 * time.Second; c = *own })
	running(t, kafka.Relay{Kafka: k, Log: log, Checkpoints: &memory.Checkpoints{}}.Run)
	return k, c
}

func noLag(t *testing.T, k *kafka.Kafka) func() bool {
	return func() bool {
		lag, err := k.Feed("watching").Lag(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return lag.Messages == 0
	}
}

// Two members share the orders. One is killed without a word: the other takes
// over all that the first one had not acknowledged, and all that comes.
func TestAMemberThatIsKilledHandsOver(t *testing.T) {
	log := memory.New()
	k, c := share(t, log)
	a, b := join(t, log, c), join(t, log, c)
	const orders = 200
	sum := 0
	eventually(t, "both have orders", func() bool {
		sum++
		appendTo(t, log, orders, 1)
		return a.orders() > 0 && b.orders() > 0
	})
	eventually(t, "all are seen", func() bool { return seenBy(orders, int64(sum), a, b) })
	before := a.orders()
	a.wire.cut(true)
	appendTo(t, log, orders, 1)
	eventually(t, "the other has taken over", func() bool { return seenBy(orders, int64(sum)+1, b) })
	eventually(t, "all is acknowledged", noLag(t, k))
	t.Logf("the first had %d orders when it was killed, the second has %d of %d", before, b.orders(), orders)
}

// appendTo gives each order so many events more.
func appendTo(t testing.TB, log *memory.Log, orders, events int) {
	t.Helper()
	for i := range orders {
		id := orderID(i)
		for range events {
			put(t, log, order.Codec, order.Stream(id), id, order.Event(order.CancelRequested{Reason: "customer_asked"}))
		}
	}
}

// Members come and go while events do: whoever has an order in the end has
// looked at it after its last event.
func TestRebalancesInTheMiddleOfTheLoad(t *testing.T) {
	log := memory.New()
	k, c := share(t, log)
	const orders, rounds = 100, 6
	members := []*member{join(t, log, c)}
	for range rounds {
		appendTo(t, log, orders, 1)
		m := join(t, log, c)
		members = append(members, m)
		eventually(t, "the new member has orders", func() bool { appendTo(t, log, orders, 1); return m.orders() > 0 })
		if len(members)%2 == 0 {
			_ = m.stop()
		}
	}
	sum := eventsOf(t, log)
	eventually(t, "each order is looked at after its last event", func() bool { return seenBy(orders, int64(sum)/orders, members...) })
	eventually(t, "all is acknowledged", noLag(t, k))
}

// A member falls silent for longer than its session and comes back: its orders
// went to the other meanwhile, and what both saw does no harm.
func TestAMemberThatPauses(t *testing.T) {
	log := memory.New()
	k, c := share(t, log)
	a, b := join(t, log, c), join(t, log, c)
	const orders = 100
	sum := 0
	eventually(t, "both have orders", func() bool { sum++; appendTo(t, log, orders, 1); return a.orders() > 0 && b.orders() > 0 })
	speak := a.wire.hush()
	defer speak()
	appendTo(t, log, orders, 1)
	eventually(t, "the other has all orders", func() bool { return seenBy(orders, int64(sum)+1, b) })
	speak()
	appendTo(t, log, orders, 1)
	eventually(t, "all orders are seen", func() bool { return seenBy(orders, int64(sum)+2, a, b) })
	eventually(t, "all is acknowledged", noLag(t, k))
}

// Every connection is cut again and again under load: relay and members go on.
func TestConnectionsThatBreak(t *testing.T) {
	log := memory.New()
	var relays wire
	var c kafka.Config
	k := brokers(t, func(own *kafka.Config) { c = *own; own.Dialer = &relays })
	places := &memory.Checkpoints{}
	running(t, kafka.Relay{Kafka: k, Log: log, Checkpoints: places}.Run)
	a := join(t, log, c)
	const orders, rounds = 50, 10
	for range rounds {
		appendTo(t, log, orders, 2)
		relays.cut(false)
		a.wire.cut(false)
	}
	eventually(t, "all is published", func() bool { return place(t, places) == endOf(t, log) })
	eventually(t, "each order is looked at after its last event", func() bool { return seenBy(orders, rounds*2, a) })
	eventually(t, "all is acknowledged", func() bool { // the answer may be lost with the wire
		lag, err := k.Feed("watching").Lag(t.Context())
		return err == nil && lag.Messages == 0
	})
	missing := map[string]bool{}
	for _, m := range everything(t, k, kafka.EventsTopic) {
		missing[header(m, "ce_id")] = true
	}
	if len(missing) != orders*rounds*2 {
		t.Errorf("%d different events are in the topic, want %d", len(missing), orders*rounds*2)
	}
}

// One event in ten comes twice, and those of different orders come in any
// order: each order is looked at after its last event, and all is acknowledged.
func TestDuplicatesAndOtherOrders(t *testing.T) {
	k, log := brokers(t), memory.New()
	const orders, events = 100, 1_000
	history(t, log, orders, events)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	queues, n := map[domain.OrderID][]*letter{}, 0
	for r, err := range log.ReadAll(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		id := domain.OrderID(r.Stream.ID())
		l := good(id, n)
		n++
		queues[id] = append(queues[id], l)
		if rnd.IntN(10) == 0 {
			queues[id] = append(queues[id], l)
		}
	}
	out := hand(t)
	for len(queues) > 0 {
		for id := range queues { // in no order
			if _, _, err := out.SendMessage(queues[id][0].to(k.Topic(kafka.EventsTopic), int32(len(id)+int(id[len(id)-1]))%8)); err != nil {
				t.Fatal(err)
			}
			if queues[id] = queues[id][1:]; len(queues[id]) == 0 {
				delete(queues, id)
			}
		}
	}
	var l looks
	feed := k.Feed("watching")
	running(t, sagas.NewDriver(sagas.Driver{Saga: watching(log, &l), Feed: feed}).Run)
	eventually(t, "each order is looked at after its last event", func() bool { return l.all(orders, events/orders) })
	eventually(t, "all is acknowledged", noLag(t, k))
}

// A look that takes long holds up its partition for kafka.Hold, and no longer.
func TestALongLookLetsItsPartitionGoOn(t *testing.T) {
	k, log := brokers(t, func(c *kafka.Config) { c.Partitions = 1 }), memory.New()
	running(t, kafka.Relay{Kafka: k, Log: log, Checkpoints: &memory.Checkpoints{}}.Run)
	release := make(chan struct{})
	var others atomic.Int64
	feed := k.Feed("watching")
	running(t, sagas.NewDriver(sagas.Driver{Feed: feed, Saga: sagas.Saga{
		Name: "watching", Categories: []string{order.Category}, Wakes: func(string) bool { return true },
		React: func(ctx context.Context, id domain.OrderID, _ bool) (time.Time, error) {
			if id != orderID(0) {
				others.Add(1)
				return time.Time{}, nil
			}
			select {
			case <-release:
			case <-ctx.Done():
			}
			return time.Time{}, ctx.Err()
		},
	}}).Run)
	defer close(release)
	begun := time.Now()
	appendTo(t, log, 2_000, 1)
	eventually(t, "the others are looked at", func() bool { return others.Load() == 1_999 })
	eventually(t, "all is acknowledged", noLag(t, k))
	t.Logf("2,000 orders in one partition behind a look that does not end: %v", time.Since(begun).Round(time.Millisecond))
}

// A member that is stopped during a look has not acknowledged its event, nor
// what came after it in the partition, although that is dealt with: the next
// member looks at both orders.
func TestAnInterruptedLookIsRepeatedByTheNext(t *testing.T) {
	k, log := brokers(t, func(c *kafka.Config) { c.Partitions = 1 }), memory.New()
	running(t, kafka.Relay{Kafka: k, Log: log, Checkpoints: &memory.Checkpoints{}}.Run)
	appendTo(t, log, 2, 1)
	inside, beside := make(chan struct{}), make(chan struct{})
	feed := &counting{Feed: k.Feed("watching")}
	stop := running(t, sagas.NewDriver(sagas.Driver{Feed: feed, Saga: sagas.Saga{
		Name: "watching", Categories: []string{order.Category}, Wakes: func(string) bool { return true },
		React: func(ctx context.Context, id domain.OrderID, _ bool) (time.Time, error) {
			if id != orderID(0) {
				close(beside)
				return time.Time{}, nil
			}
			close(inside)
			<-ctx.Done()
			return time.Time{}, ctx.Err()
		},
	}}).Run)
	for _, begun := range []chan struct{}{inside, beside} {
		select {
		case <-begun:
		case <-time.After(eventuallyWithin):
			t.Fatal("no look began")
		}
	}
	within(t, kafka.Hold/2, "the second order is dealt with", func() bool { return feed.n.Load() == 1 })
	_ = stop()
	if lag, err := k.Feed("watching").Lag(t.Context()); err != nil || lag.Messages != 2 {
		t.Errorf("%d messages are not acknowledged, want 2; error %v", lag.Messages, err)
	}
	var l looks
	running(t, sagas.NewDriver(sagas.Driver{Saga: watching(log, &l), Feed: k.Feed("watching")}).Run)
	eventually(t, "both orders are looked at", func() bool { return l.all(2, 1) })
}

// A feed yields the events of each order in their order, however many
// partitions and goroutines they pass.
func TestAFeedKeepsTheOrderOfEachOrder(t *testing.T) {
	k, log := brokers(t), memory.New()
	const orders, events = 40, 4_000
	history(t, log, orders, events)
	running(t, kafka.Relay{Kafka: k, Log: log, Checkpoints: &memory.Checkpoints{}}.Run)
	ctx, cancel := context.WithTimeout(t.Context(), eventuallyWithin)
	defer cancel()
	feed, next, n := k.Feed("ordered"), map[eventlog.Stream]eventlog.Version{}, 0
	for r, err := range feed.Subscribe(ctx, 0, order.Category) {
		if err != nil {
			t.Fatalf("after %d events: %v", n, err)
		}
		feed.Ack(r.Position)
		if next[r.Stream]++; r.Version != next[r.Stream] {
			t.Fatalf("%s: version %d comes where %d belongs", r.Stream, r.Version, next[r.Stream])
		}
		if n++; n == events {
			break
		}
	}
}

// Events of other categories are passed over and acknowledged, read or not.
func TestAFeedPassesOverWhatItIsNotFor(t *testing.T) {
	k, out := brokers(t, func(c *kafka.Config) { c.Partitions = 1 }), hand(t)
	other := good("ord_1", 1)
	other.headers["ce_subject"], other.headers["ce_source"], other.headers["ce_type"] = "payment-ord_1", "/orderflow/payment", "payment.voided.v7"
	for _, l := range []*letter{other, good("ord_2", 2)} {
		if _, _, err := out.SendMessage(l.to(k.Topic(kafka.EventsTopic), 0)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), eventuallyWithin)
	defer cancel()
	feed := k.Feed("orders")
	for r, err := range feed.Subscribe(ctx, 0, order.Category) {
		if err != nil || r.Stream != "order-ord_2" {
			t.Errorf("the feed yields %s, error %v", r.Stream, err)
		}
		break
	}
	if list, err := (kafka.Poison{Kafka: k}).List(t.Context(), kafka.Filter{}); err != nil || len(list) != 0 {
		t.Errorf("%d messages were dead-lettered, error %v", len(list), err)
	}
}
