package kafka_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
	"orderflow/infra/kafka"
	"orderflow/infra/memory"
	"orderflow/sagas"
)

var _ interface {
	sagas.Feed
	sagas.Acker
} = (*kafka.Feed)(nil)

// looks notes what a driver looked at.
type looks struct {
	mu    sync.Mutex
	seen  map[domain.OrderID]eventlog.Version // of the order's stream at its last look
	times map[domain.OrderID]int
}

func (l *looks) at(id domain.OrderID, v eventlog.Version) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen == nil {
		l.seen, l.times = map[domain.OrderID]eventlog.Version{}, map[domain.OrderID]int{}
	}
	l.seen[id] = max(l.seen[id], v)
	l.times[id]++
}

func (l *looks) all(orders int, v eventlog.Version) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range orders {
		if l.seen[orderID(i)] != v {
			return false
		}
	}
	return true
}

// watching returns a saga that reads the stream of an order at every look.
func watching(log *memory.Log, l *looks) sagas.Saga {
	return sagas.Saga{
		Name: "watching", Categories: []string{order.Category}, Wakes: func(string) bool { return true },
		React: func(ctx context.Context, id domain.OrderID, _ bool) (time.Time, error) {
			var v eventlog.Version
			for r, err := range log.Read(ctx, order.Stream(id), 0) {
				if err != nil {
					return time.Time{}, err
				}
				v = r.Version
			}
			l.at(id, v)
			return time.Time{}, nil
		},
	}
}

// From the log through the brokers to a driver: each order is looked at after
// its last event, and then the group has no lag.
func TestDriverOnAFeed(t *testing.T) {
	k, log, places := brokers(t), memory.New(), &memory.Checkpoints{}
	const orders, events = 100, 1_000
	history(t, log, orders, events)
	running(t, kafka.Relay{Kafka: k, Log: log, Checkpoints: places}.Run)
	var l looks
	feed := k.Feed("watching")
	driver := sagas.NewDriver(sagas.Driver{Saga: watching(log, &l), Feed: feed})
	stop := running(t, driver.Run)
	eventually(t, "each order is looked at after its last event", func() bool { return l.all(orders, events/orders) })
	eventually(t, "all is acknowledged", func() bool {
		lag, err := feed.Lag(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return lag.Messages == 0
	})
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("the driver ended with %v", err)
	}
}
