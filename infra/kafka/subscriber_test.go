package kafka_test

import (
	"context"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/infra/kafka"
)

// Publisher and Subscriber as Watermill uses them: what is not acknowledged
// comes again, does not hold up what is behind it, and keeps the offset.
func TestWhatIsNotAcknowledgedComesAgain(t *testing.T) {
	k := brokers(t, func(c *kafka.Config) { c.Partitions = 1 })
	for _, body := range []string{"a", "b", "c"} {
		m := message.NewMessage("", []byte(body))
		kafka.SetKey(m, "k")
		m.Metadata.Set("h", body)
		if err := k.Publisher().Publish(k.Topic(kafka.EventsTopic), m); err != nil {
			t.Fatal(err)
		}
	}
	in, leave := subscribed(t, k)
	first := []*message.Message{next(t, in), next(t, in), next(t, in)}
	bodies := map[string]*message.Message{}
	for _, m := range first {
		if string(m.Payload) != m.Metadata.Get("h") || kafka.Key(m) != "k" {
			t.Errorf("message %q came with %v", m.Payload, m.Metadata)
		}
		bodies[string(m.Payload)] = m
	}
	bodies["a"].Nack()
	bodies["b"].Ack()
	again := next(t, in)
	if string(again.Payload) != "a" {
		t.Errorf("%q came again, want the one that was refused", again.Payload)
	}
	leave() // a and c are open
	in, leave = subscribed(t, k)
	for range 3 {
		next(t, in).Ack()
	}
	eventually(t, "all is acknowledged", func() bool {
		lag, err := k.Lag(t.Context(), "plain", kafka.EventsTopic)
		return err == nil && lag[0].Messages == 0
	})
	leave()
}

func subscribed(t *testing.T, k *kafka.Kafka) (in <-chan *message.Message, leave func()) {
	t.Helper()
	s := k.Subscriber(k.Group("plain"))
	in, err := s.Subscribe(context.WithoutCancel(t.Context()), k.Topic(kafka.EventsTopic))
	if err != nil {
		t.Fatal(err)
	}
	return in, func() { _ = s.Close() }
}

func next(t *testing.T, in <-chan *message.Message) *message.Message {
	t.Helper()
	select {
	case m := <-in:
		return m
	case <-time.After(eventuallyWithin):
		t.Fatal("no message came")
		return nil
	}
}

// Where no broker answers, everything says so, and ends when it is told to.
func TestNoBroker(t *testing.T) {
	failures := make(chan error, 100)
	k := kafka.New(kafka.Config{Brokers: []string{"127.0.0.1:1"}, Observer: kafka.Observer{
		GroupError: func(_ string, err error) { failures <- err },
	}})
	if err := k.CreateTopics(t.Context()); kindOf(err) != "unavailable" {
		t.Errorf("topics: %v", err)
	}
	if err := k.Publisher().Publish("x", message.NewMessage("", nil)); kindOf(err) != "unavailable" {
		t.Errorf("publish: %v", err)
	}
	if _, err := k.Lag(t.Context(), "g"); kindOf(err) != "unavailable" {
		t.Errorf("lag: %v", err)
	}
	if _, err := (kafka.Poison{Kafka: k}).List(t.Context(), kafka.Filter{}); kindOf(err) != "unavailable" {
		t.Errorf("list: %v", err)
	}
	stop := running(t, kafka.Consumer{Kafka: k, Topic: kafka.EventsTopic, Group: "g", Handle: func(*message.Message) error { return nil }}.Run)
	var tries [5]time.Time
	for i := range tries {
		if err := <-failures; kindOf(err) != "unavailable" {
			t.Errorf("group: %v", err)
		}
		tries[i] = time.Now()
	}
	first, last := tries[1].Sub(tries[0]), tries[4].Sub(tries[3]) // a try and 100 ms, a try and 800 ms
	if last < first+500*time.Millisecond {
		t.Errorf("%v until the second try, %v until the last: the pauses do not grow", first, last)
	}
	_ = stop()
	_ = k.Close()
}
