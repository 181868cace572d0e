package kafka_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"go.uber.org/goleak"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
	"orderflow/infra/deploy/servicestest"
	"orderflow/infra/kafka"
	"orderflow/infra/memory"
)

// TestMain looks for goroutines that stay. The one of sarama's meters lives as long as the process.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"),
		goleak.IgnoreAnyFunction("github.com/eapache/go-resiliency/breaker.(*Breaker).timer")) // sarama's; ends by itself after 10 s
}

// eventuallyWithin bounds every wait of a test.
const eventuallyWithin = 30 * time.Second

// brokers returns the real brokers, with topics that no other test has; change
// may set more of the configuration.
func brokers(t testing.TB, change ...func(*kafka.Config)) *kafka.Kafka {
	t.Helper()
	c := kafka.Config{Brokers: servicestest.Kafka(t), Prefix: servicestest.Prefix() + "."}
	for _, f := range change {
		f(&c)
	}
	k := kafka.New(c)
	if err := k.CreateTopics(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
		admin, err := sarama.NewClusterAdmin(servicestest.Kafka(t), protocol())
		if err != nil {
			t.Error(err)
			return
		}
		defer admin.Close() //nolint:errcheck // the test is over
		for _, name := range []string{kafka.EventsTopic, kafka.RetryTopic, kafka.PoisonTopic} {
			if err := admin.DeleteTopic(k.Topic(name)); err != nil {
				t.Errorf("topic %s stays: %v", name, err)
			}
		}
	})
	return k
}

func protocol() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.V3_6_0_0
	c.Consumer.MaxWaitTime = 20 * time.Millisecond
	return c
}

// running runs f until stop, or the test's end, and returns what f returned.
func running(t testing.TB, f func(context.Context) error) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	stop = sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() { _ = stop() })
	return stop
}

// eventually waits until a condition holds; what says what it waited for.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	within(t, eventuallyWithin, what, holds)
}

func within(t testing.TB, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// history appends n events to a log, each order's in turn.
func history(t testing.TB, log *memory.Log, orders, events int) {
	t.Helper()
	versions := make([]eventlog.Version, orders)
	for i := range events {
		o := i % orders
		id := orderID(o)
		stream := order.Stream(id)
		e := eventlog.Pending{
			ID:   eventlog.NewEventID(fmt.Sprint("history", i), stream, 0),
			Type: "order.cancel_requested.v1", Data: []byte(`{"reason":"customer_asked","detail":"` + fmt.Sprint(i) + `"}`),
			Meta: eventlog.Meta{Correlation: string(id), Causation: "c", Actor: "test", Trace: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
		}
		if _, err := log.Append(t.Context(), stream, versions[o], e); err != nil {
			t.Fatal(err)
		}
		versions[o]++
	}
}

// endOf returns the position of the last event of a log.
func endOf(t testing.TB, log eventlog.EndReader) eventlog.Position {
	t.Helper()
	end, err := log.End(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return end
}

// eventsOf counts the events of a log.
func eventsOf(t testing.TB, log *memory.Log) (n int) {
	t.Helper()
	for _, err := range log.ReadAll(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

func orderID(i int) domain.OrderID { return domain.OrderID(fmt.Sprintf("ord_%06d", i)) }

// everything reads a topic from its start to its end.
func everything(t testing.TB, k *kafka.Kafka, topic string) []*sarama.ConsumerMessage {
	t.Helper()
	return topicOf(t, servicestest.Kafka(t), k.Topic(topic))
}

func topicOf(t testing.TB, address []string, topic string) (all []*sarama.ConsumerMessage) {
	t.Helper()
	client, err := sarama.NewClient(address, protocol())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close() //nolint:errcheck // it only read
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		t.Fatal(err)
	}
	defer consumer.Close() //nolint:errcheck // it only read
	partitions, err := client.Partitions(topic)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range partitions {
		end, err := client.GetOffset(topic, p, sarama.OffsetNewest)
		if err != nil {
			t.Fatal(err)
		}
		if end == 0 {
			continue
		}
		one, err := consumer.ConsumePartition(topic, p, 0)
		if err != nil {
			t.Fatal(err)
		}
		for m := range one.Messages() {
			all = append(all, m)
			if m.Offset+1 >= end {
				break
			}
		}
		one.AsyncClose()
		for range one.Messages() { //nolint:revive // it is emptied, so that it ends
		}
	}
	return all
}

// kindOf names the kind of an error.
func kindOf(err error) string { return domain.KindOf(err).String() }

// header returns the value of a message's header.
func header(m *sarama.ConsumerMessage, name string) string {
	for _, h := range m.Headers {
		if string(h.Key) == name {
			return string(h.Value)
		}
	}
	return ""
}
