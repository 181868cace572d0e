package kafka

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/internal/pause"
)

// Subscriber reads topics as one member of a consumer group. It implements
// Watermill's message.Subscriber. Of each partition up to [Window] messages are
// delivered before the first is acknowledged; offsets are committed in order,
// only up to the first message that is not. A message that is not acknowledged
// (Nack) comes again after a pause. The context of a message ends when its
// partition goes to another member, and an acknowledgement after that is void.
//
// When brokers fail it tries again for ever, with growing pauses.
type Subscriber struct {
	kafka *Kafka
	group string

	ctx     context.Context
	stop    context.CancelFunc
	mu      sync.Mutex // guards running against Close
	running sync.WaitGroup
}

var _ message.Subscriber = (*Subscriber)(nil)

// Subscriber returns a new member of a group; Close ends it.
func (k *Kafka) Subscriber(group string) *Subscriber {
	ctx, stop := context.WithCancel(context.Background())
	return &Subscriber{kafka: k, group: group, ctx: ctx, stop: stop}
}

// Close ends every subscription and waits for it.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	s.stop()
	s.mu.Unlock()
	s.running.Wait()
	return nil
}

// Subscribe implements message.Subscriber; topic is a full name. The channel is
// closed when ctx is done or the subscriber is closed.
func (s *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return nil, errors.New("the subscriber is closed")
	}
	ctx, cancel := context.WithCancel(ctx)
	release := context.AfterFunc(s.ctx, cancel)
	out := make(chan *message.Message)
	s.running.Go(func() {
		defer close(out)
		defer cancel()
		defer release()
		s.stay(ctx, topic, out)
	})
	return out, nil
}

// stay is a member of the group until ctx is done.
func (s *Subscriber) stay(ctx context.Context, topic string, out chan<- *message.Message) {
	rest := newBackoff()
	for ctx.Err() == nil {
		begun := time.Now()
		err := s.join(ctx, topic, out)
		if ctx.Err() != nil {
			return
		}
		if time.Since(begun) > SettledAfter {
			rest.Reset()
		}
		wait := rest.NextBackOff()
		s.kafka.config.Observer.GroupError(s.group, err)
		s.kafka.config.Logger.WarnContext(ctx, "a consumer left its group; it will join again",
			"group", s.group, "topic", topic, "pause", wait.String(), "error", err)
		_ = pause.For(ctx, wait)
	}
}

// join is a member for one session after the other, until something fails.
func (s *Subscriber) join(ctx context.Context, topic string, out chan<- *message.Message) error {
	if err := s.kafka.CreateTopics(ctx); err != nil {
		return err
	}
	group, err := bounded(ctx, func() (sarama.ConsumerGroup, error) {
		return sarama.NewConsumerGroup(s.kafka.config.Brokers, s.group, s.config())
	}, func(g sarama.ConsumerGroup) { _ = g.Close() })
	if err != nil {
		return failed(err, "The brokers of Kafka do not answer.")
	}
	defer group.Close() //nolint:errcheck // it leaves the group, or the group notices
	rest := newBackoff()
	for {
		begun := time.Now()
		if err := group.Consume(ctx, []string{topic}, claims{s, out}); err != nil {
			return failed(err, "The consumer group "+s.group+" broke.")
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		// The session ended for a rebalance. Many in a row are trouble, too.
		if time.Since(begun) > time.Second {
			rest.Reset()
			continue
		}
		if err := pause.For(ctx, rest.NextBackOff()); err != nil {
			return err
		}
	}
}

func (s *Subscriber) config() *sarama.Config {
	c := s.kafka.sarama()
	c.Consumer.Offsets.Initial = sarama.OffsetOldest // a new group sees what there is
	c.Consumer.Offsets.AutoCommit.Interval = CommitEvery
	c.Consumer.Group.Session.Timeout = s.kafka.config.SessionTimeout
	c.Consumer.Group.Heartbeat.Interval = s.kafka.config.SessionTimeout / 5
	c.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategyRange()}
	c.Consumer.Return.Errors = false
	c.Consumer.MaxWaitTime = fetchWait
	c.ChannelBufferSize = Window / 2
	return c
}

// fetchWait is how long a broker waits for a message before it says there is none.
const fetchWait = 250 * time.Millisecond

// claims is the handler of one session.
type claims struct {
	*Subscriber
	out chan<- *message.Message
}

// Setup implements sarama.ConsumerGroupHandler.
func (claims) Setup(sarama.ConsumerGroupSession) error { return nil }

// Cleanup implements sarama.ConsumerGroupHandler.
func (claims) Cleanup(sarama.ConsumerGroupSession) error { return nil }

// ConsumeClaim delivers one partition until the session ends, and returns when
// nothing of it is open any more.
func (c claims) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	ctx, cancel := context.WithCancel(session.Context())
	var open sync.WaitGroup
	defer open.Wait()
	defer cancel()
	d := delivery{claims: c, session: session, offsets: newOffsetTracker()}
	before := newPartitionOrder(nil)
	before.release()
	for {
		select {
		case m, ok := <-claim.Messages():
			if !ok || !d.offsets.track(ctx, m.Offset, len(m.Value)+len(m.Key)) {
				return nil
			}
			mine := newPartitionOrder(before.passed)
			before = mine
			open.Go(func() { d.deliver(ctx, m, mine) })
		case <-ctx.Done():
			return nil
		}
	}
}

// delivery is the state of one partition during a session.
type delivery struct {
	claims
	session sarama.ConsumerGroupSession
	offsets *offsetTracker
}

// deliver hands a message out until it is acknowledged.
func (d delivery) deliver(ctx context.Context, in *sarama.ConsumerMessage, t *partitionOrder) {
	defer t.release()
	rest := newBackoff()
	for {
		m, _ := Marshaler{}.Unmarshal(in) // which never fails
		m.SetContext(withPartitionOrder(withOrigin(ctx, in), t))
		select {
		case d.out <- m:
		case <-ctx.Done():
			return
		}
		select {
		case <-m.Acked():
			if next, moved := d.offsets.acknowledge(in.Offset); moved {
				d.session.MarkOffset(in.Topic, in.Partition, next, "")
			}
			return
		case <-m.Nacked():
			if pause.For(ctx, rest.NextBackOff()) != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}
