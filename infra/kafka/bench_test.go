package kafka_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wkafka "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
	"orderflow/infra/deploy/servicestest"
	"orderflow/infra/kafka"
	"orderflow/infra/memory"
	"orderflow/sagas"
)

// benchEvents is a load that shows a rate without a long wait.
const benchEvents = 30_000

func logOf(b *testing.B, events int) *memory.Log {
	b.Helper()
	log := memory.New()
	versions := map[domain.OrderID]eventlog.Version{}
	for i := range events {
		id := orderID(i % (events / 5))
		stream := order.Stream(id)
		e := eventlog.Pending{
			ID:   eventlog.NewEventID("bench", stream, i),
			Type: "order.cancel_requested.v1", Data: []byte(`{"reason":"customer_asked","detail":"a few words, so that the event has about the size of most"}`),
			Meta: eventlog.Meta{Correlation: string(id), Causation: "c", Actor: "test"},
		}
		if _, err := log.Append(b.Context(), stream, versions[id], e); err != nil {
			b.Fatal(err)
		}
		versions[id]++
	}
	return log
}

// From a log in memory to the brokers' acknowledgement.
func BenchmarkRelay(b *testing.B) {
	for range b.N {
		b.StopTimer()
		var published atomic.Int64
		k, log := brokers(b, func(c *kafka.Config) {
			c.Observer.Published = func(string, error) { published.Add(1) }
		}), logOf(b, benchEvents)
		b.StartTimer()
		begun := time.Now()
		stop := running(b, kafka.Relay{Kafka: k, Log: log, Checkpoints: &memory.Checkpoints{}}.Run)
		eventually(b, "all is published", func() bool { return published.Load() == benchEvents })
		b.ReportMetric(benchEvents/time.Since(begun).Seconds(), "events/s")
		_ = stop()
	}
}

// From the brokers through a driver whose looks take no time.
func BenchmarkFeed(b *testing.B) {
	for range b.N {
		b.StopTimer()
		k, log, places := brokers(b), logOf(b, benchEvents), &memory.Checkpoints{}
		stop := running(b, kafka.Relay{Kafka: k, Log: log, Checkpoints: places}.Run)
		eventually(b, "all is published", func() bool { return place(b, places) == endOf(b, log) })
		_ = stop()
		counted := &counting{Feed: k.Feed("bench")}
		driver := sagas.NewDriver(sagas.Driver{Feed: counted, Saga: sagas.Saga{
			Name: "bench", Categories: []string{order.Category}, Wakes: func(string) bool { return true },
			React: func(context.Context, domain.OrderID, bool) (time.Time, error) { return time.Time{}, nil },
		}})
		b.StartTimer()
		begun := time.Now()
		end := running(b, driver.Run)
		eventually(b, "all is dealt with", func() bool { return counted.n.Load() == benchEvents })
		b.ReportMetric(benchEvents/time.Since(begun).Seconds(), "events/s")
		first := time.Unix(0, counted.first.Load())
		b.ReportMetric(first.Sub(begun).Seconds(), "s-to-first")
		b.ReportMetric(benchEvents/time.Since(first).Seconds(), "events/s-after-first")
		_ = end()
	}
}

// counting counts what a driver has settled.
type counting struct {
	*kafka.Feed
	n, first atomic.Int64
}

func (c *counting) Ack(p eventlog.Position) {
	if c.n.Add(1) == 1 {
		c.first.Store(time.Now().UnixNano())
	}
	c.Feed.Ack(p)
}

// What watermill-kafka's own publisher and subscriber do on the same brokers:
// the reason for ours.
func BenchmarkWatermillKafka(b *testing.B) {
	const events = 3_000
	for range b.N {
		b.StopTimer()
		k := brokers(b)
		c := protocol()
		c.Producer.Return.Successes = true
		publisher, err := wkafka.NewPublisher(wkafka.PublisherConfig{
			Brokers: servicestest.Kafka(b), Marshaler: kafka.Marshaler{}, OverwriteSaramaConfig: c,
		}, watermill.NopLogger{})
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		begun := time.Now()
		for i := range events {
			m := message.NewMessage("", []byte(`{"reason":"customer_asked"}`))
			kafka.SetKey(m, string(orderID(i%500)))
			if err := publisher.Publish(k.Topic(kafka.EventsTopic), m); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(events/time.Since(begun).Seconds(), "published/s")
		_ = publisher.Close()
		rc := protocol()
		rc.Consumer.Offsets.Initial = -2
		subscriber, err := wkafka.NewSubscriber(wkafka.SubscriberConfig{
			Brokers: servicestest.Kafka(b), Unmarshaler: kafka.Marshaler{}, ConsumerGroup: k.Group("stock"), OverwriteSaramaConfig: rc,
		}, watermill.NopLogger{})
		if err != nil {
			b.Fatal(err)
		}
		in, err := subscriber.Subscribe(b.Context(), k.Topic(kafka.EventsTopic))
		if err != nil {
			b.Fatal(err)
		}
		for i := range events {
			m := <-in
			m.Ack()
			if i == 0 {
				begun = time.Now()
			}
		}
		b.ReportMetric(events/time.Since(begun).Seconds(), "consumed/s")
		_ = subscriber.Close()
	}
}
