package kafka_test

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain"
	"orderflow/infra/deploy/servicestest"
	"orderflow/infra/kafka"
)

// moveOn is how long a partition may stand still for one message.
const moveOn = 5 * time.Second

// hand returns a producer that puts messages where the test says.
func hand(t testing.TB) sarama.SyncProducer {
	t.Helper()
	c := protocol()
	c.Producer.Partitioner = sarama.NewManualPartitioner
	c.Producer.Return.Successes = true
	c.Producer.MaxMessageBytes = kafka.MaxMessageBytes
	c.Producer.Retry.Max, c.Metadata.Retry.Max = 100, 100 // a broker may hear of a new topic some seconds after it was made
	p, err := sarama.NewSyncProducer(servicestest.Kafka(t), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// handled counts what a handler was given, by offset.
type handled struct {
	mu sync.Mutex
	by map[int64]int
}

func (h *handled) add(m *message.Message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.by == nil {
		h.by = map[int64]int{}
	}
	h.by[kafka.Origin(m.Context()).Offset]++
}

func (h *handled) times(offset int64) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.by[offset]
}

// Every kind of poison, each followed by a good message in the same partition:
// that is handled within five seconds. All poison is listed with its reason,
// order, headers and bytes. After the fix, a replay hands out each one once.
func TestPoisonIsSetAsideAndReplayed(t *testing.T) {
	var k *kafka.Kafka
	const group = "careful"
	k = brokers(t)
	reader, out := k.Feed("nobody"), hand(t)
	var mu sync.Mutex
	actions := map[int64]func() error{} // by offset
	coming := make(chan struct{}, 1)    // held by the test while it does not know the offset
	var seen handled
	strict := func(m *message.Message) error {
		coming <- struct{}{}
		mu.Lock()
		act := actions[kafka.Origin(m.Context()).Offset]
		mu.Unlock()
		<-coming
		if err := reader.Check(m); err != nil {
			return err
		}
		if act != nil {
			return act()
		}
		seen.add(m)
		return nil
	}
	running(t, kafka.Consumer{Kafka: k, Topic: kafka.EventsTopic, Group: group, Handle: strict}.Run)

	expected := map[int64]poisonous{}
	sent := map[int64]*letter{}
	var slowest time.Duration
	for i, p := range corpus() {
		l := good(orderID(i), i)
		p.change(l)
		coming <- struct{}{}
		_, offset, err := out.SendMessage(l.to(k.Topic(kafka.EventsTopic), 0))
		if err != nil {
			t.Fatalf("%s: %v", p.name, err)
		}
		mu.Lock()
		actions[offset] = p.handle
		mu.Unlock()
		<-coming
		expected[offset], sent[offset] = p, l
		begun := time.Now()
		_, after, err := out.SendMessage(good("ord_good", i).to(k.Topic(kafka.EventsTopic), 0))
		if err != nil {
			t.Fatal(err)
		}
		limit := moveOn
		if i == 0 {
			limit = eventuallyWithin // the group has yet to form
		}
		within(t, limit, "the partition moves on after "+p.name, func() bool { return seen.times(after) == 1 })
		if i > 0 {
			slowest = max(slowest, time.Since(begun))
		}
	}
	t.Logf("%d kinds of poison; the partition stood still for %v at most", len(expected), slowest)

	list, err := kafka.Poison{Kafka: k}.List(t.Context(), kafka.Filter{Group: group})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != len(expected) {
		t.Errorf("%d messages are listed, want %d", len(list), len(expected))
	}
	for _, r := range list {
		want, l := expected[r.Offset], sent[r.Offset]
		if r.Reason != want.reason || r.Text == "" || r.Topic != kafka.EventsTopic || r.Partition != 0 || r.Bytes != len(l.body) {
			t.Errorf("%s is listed as %+v", want.name, r)
		}
		if order := l.headers["ce_correlationid"]; r.Order != order {
			t.Errorf("%s is listed under order %q, not %q", want.name, r.Order, order)
		}
	}
	replayAll(t, k, group, expected, sent)
}

func replayAll(t *testing.T, k *kafka.Kafka, group string, expected map[int64]poisonous, sent map[int64]*letter) {
	t.Helper()
	var again handled
	fixed := kafka.Poison{Kafka: k, Handlers: map[string]kafka.Handler{group: {Handle: func(m *message.Message) error {
		in := kafka.Origin(m.Context())
		l := sent[in.Offset]
		if !bytes.Equal(in.Value, l.body) || !bytes.Equal(in.Key, l.key) || len(in.Headers) != len(l.headers)+len(l.more) {
			t.Errorf("%s came back changed", expected[in.Offset].name)
		}
		again.add(m)
		return nil
	}}}}
	nobody := kafka.Poison{Kafka: k}
	for _, step := range []struct {
		what    string
		poison  kafka.Poison
		dry     bool
		outcome kafka.Outcome
		done    int
	}{
		{"with no handler", nobody, false, kafka.NoHandler, 0},
		{"dry", fixed, true, kafka.WouldReplay, len(expected)},
		{"for real", fixed, false, kafka.Replayed, len(expected)},
	} {
		report, err := step.poison.Replay(t.Context(), step.dry, kafka.Filter{Group: group})
		if err != nil {
			t.Fatal(err)
		}
		if report.Done != step.done || len(report.Messages) != len(expected) {
			t.Errorf("replay %s: %d done of %d, want %d of %d", step.what, report.Done, len(report.Messages), step.done, len(expected))
		}
		for _, m := range report.Messages {
			if m.Outcome != step.outcome {
				t.Errorf("replay %s: %s is %s, want %s: %v", step.what, expected[m.Record.Offset].name, m.Outcome, step.outcome, m.Err)
			}
		}
	}
	for offset, p := range expected {
		if n := again.times(offset); n != 1 {
			t.Errorf("%s was handled %d times by the replay, want once", p.name, n)
		}
	}
	report, err := fixed.Replay(t.Context(), false, kafka.Filter{})
	if err != nil || len(report.Messages) != 0 {
		t.Errorf("a second replay finds %d messages, error %v", len(report.Messages), err)
	}
}

// What still cannot be read stays listed, and a dry run says so before.
func TestReplayBeforeTheFix(t *testing.T) {
	k := brokers(t)
	feed, out := k.Feed("early"), hand(t)
	bad := good("ord_1", 1)
	bad.headers["ce_type"] = "order.cancelled.v9"
	if _, _, err := out.SendMessage(bad.to(k.Topic(kafka.EventsTopic), 3)); err != nil {
		t.Fatal(err)
	}
	running(t, func(ctx context.Context) error {
		for _, err := range feed.Subscribe(ctx, 0, "order") {
			if err != nil {
				return err
			}
		}
		return nil
	})
	poison := kafka.Poison{Kafka: k, Handlers: map[string]kafka.Handler{feed.Group(): {Check: feed.Check, Handle: feed.Handle}}}
	count := func(f kafka.Filter) int {
		list, err := poison.List(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	eventually(t, "it is dead-lettered", func() bool { return count(kafka.Filter{Order: "ord_1"}) == 1 })
	for _, dry := range []bool{true, false} {
		report, err := poison.Replay(t.Context(), dry, kafka.Filter{})
		if err != nil || report.Done != 0 || len(report.Messages) != 1 || report.Messages[0].Outcome != kafka.StillPoison || domain.KindOf(report.Messages[0].Err) != domain.Invalid {
			t.Errorf("dry run %t: %+v, error %v", dry, report, err)
		}
	}
	// Nor is it handed to a handler that would take anything, such as one that
	// publishes it again: it would come back, to every group.
	poison.Handlers[feed.Group()] = kafka.Handler{Check: feed.Check, Handle: func(*message.Message) error {
		t.Error("a message that cannot be read was handed on")
		return nil
	}}
	report, err := poison.Replay(t.Context(), false, kafka.Filter{})
	if err != nil || report.Done != 0 || report.Messages[0].Outcome != kafka.StillPoison {
		t.Errorf("with a handler that takes anything: %+v, error %v", report, err)
	}
	for _, none := range []kafka.Filter{{Order: "ord_2"}, {Group: "x"}, {Topic: kafka.RetryTopic}, {Reason: kafka.BadBody}, {ID: "x"}} {
		if n := count(none); n != 0 {
			t.Errorf("filter %+v finds %d messages", none, n)
		}
	}
	if n := count(kafka.Filter{Reason: kafka.FutureVersion, Topic: kafka.EventsTopic, Limit: 1}); n != 1 {
		t.Errorf("%d messages are listed, want the one that stays", n)
	}
}

// Transient errors are retried: nothing is dead-lettered, and the order stays.
func TestUnavailableIsWaitedFor(t *testing.T) {
	k := brokers(t)
	out := hand(t)
	var mu sync.Mutex
	tries := map[int64]int{}
	var order []int64
	running(t, kafka.Consumer{Kafka: k, Topic: kafka.EventsTopic, Group: "waits", Handle: func(m *message.Message) error {
		mu.Lock()
		defer mu.Unlock()
		offset := kafka.Origin(m.Context()).Offset
		if tries[offset]++; tries[offset] < 4 {
			return domain.Errorf(domain.Unavailable, "not now")
		}
		order = append(order, offset)
		return nil
	}}.Run)
	for i := range 3 {
		if _, _, err := out.SendMessage(good("ord_1", i).to(k.Topic(kafka.EventsTopic), 0)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all are handled", func() bool { mu.Lock(); defer mu.Unlock(); return len(order) == 3 })
	if !slices.IsSorted(order) {
		t.Errorf("handled in the order %v", order)
	}
	if list, err := (kafka.Poison{Kafka: k}).List(t.Context(), kafka.Filter{}); err != nil || len(list) != 0 {
		t.Errorf("%d messages were dead-lettered, error %v; tries %v", len(list), err, slices.Collect(maps.Values(tries)))
	}
}
