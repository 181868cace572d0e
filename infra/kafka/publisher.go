package kafka

import (
	"context"
	"sync"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain"
)

// Publisher publishes with many messages in flight: idempotent, acknowledged
// by every replica in sync, in order per key. It implements Watermill's
// message.Publisher; watermill-kafka's own sends one message at a time.
//
// When a message is given up, those behind it may already be stored. So the
// first failure ends the producer: what was sent on it and not acknowledged
// fails too, and the next message goes to a new one.
type Publisher struct {
	kafka *Kafka

	mu     sync.Mutex
	now    *producer
	closed bool
	ends   sync.WaitGroup // of producers that were given up
}

var _ message.Publisher = (*Publisher)(nil)

func newPublisher(k *Kafka) *Publisher { return &Publisher{kafka: k} }

// Publish sends messages and waits until all are acknowledged. If it fails, any of them may be stored.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	outcomes := make(chan error, len(messages))
	sent, err := 0, error(nil)
	for _, m := range messages {
		if err = p.Send(m.Context(), topic, m, func(err error) { outcomes <- err }); err != nil {
			break
		}
		sent++
	}
	for range sent {
		if e := <-outcomes; e != nil && err == nil {
			err = e
		}
	}
	return err
}

// Send puts a message behind those that were sent before, and returns. Unless
// it fails, done is called exactly once, on another goroutine, when the message
// is acknowledged or given up; it must be quick. Messages of one key are stored
// in the order of the calls if these come one after the other.
func (p *Publisher) Send(ctx context.Context, topic string, m *message.Message, done func(error)) error {
	out, err := Marshaler{}.Marshal(topic, m)
	if err != nil {
		return err
	}
	now, err := p.current(ctx)
	if err != nil {
		return err
	}
	out.Metadata = func(err error) {
		p.kafka.config.Observer.Published(topic, err)
		done(err)
	}
	return now.send(ctx, out)
}

// current returns the producer that has not failed.
func (p *Publisher) current(ctx context.Context) (*producer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return nil, domain.Errorf(domain.Unavailable, "The publisher is closed.")
	case p.now != nil && !p.now.broken():
		return p.now, nil
	case p.now != nil:
		old := p.now
		p.now = nil
		p.ends.Go(old.close)
	}
	c := p.kafka.sarama()
	c.Producer.Idempotent, c.Producer.RequiredAcks = true, sarama.WaitForAll
	c.Net.MaxOpenRequests = 1 // as the library wants it for an idempotent producer: one batch per broker, as large as it gets meanwhile
	c.Producer.Return.Successes, c.Producer.Return.Errors = true, true
	c.Producer.MaxMessageBytes = MaxMessageBytes
	c.Producer.Compression = sarama.CompressionLZ4
	c.Producer.Retry.Max, c.Producer.Retry.Backoff = publishTries, FirstPause
	c.Producer.Partitioner = sarama.NewHashPartitioner
	inner, err := bounded(ctx, func() (sarama.AsyncProducer, error) {
		return sarama.NewAsyncProducer(p.kafka.config.Brokers, c)
	}, func(a sarama.AsyncProducer) { _ = a.Close() })
	if err != nil {
		return nil, failed(err, "The brokers of Kafka do not answer.")
	}
	p.now = newProducer(inner)
	return p.now, nil
}

// publishTries is how often the library sends a batch before it gives up, with
// pauses of FirstPause: through the election of a leader, not through an outage.
const publishTries = 30

// Close waits until all sent messages are acknowledged or failed.
func (p *Publisher) Close() error {
	p.mu.Lock()
	now := p.now
	p.now, p.closed = nil, true
	p.mu.Unlock()
	if now != nil {
		now.close()
	}
	p.ends.Wait()
	return nil
}

// producer is one connection to the brokers, until it fails.
type producer struct {
	inner   sarama.AsyncProducer
	ended   sync.WaitGroup
	failing chan struct{} // closed at the first failure
	once    sync.Once

	mu      sync.RWMutex // held for reading while something is sent
	closing bool
}

func newProducer(inner sarama.AsyncProducer) *producer {
	p := &producer{inner: inner, failing: make(chan struct{})}
	p.ended.Go(func() {
		for m := range inner.Successes() {
			m.Metadata.(func(error))(nil)
		}
	})
	p.ended.Go(func() {
		for e := range inner.Errors() {
			p.once.Do(func() { close(p.failing) })
			e.Msg.Metadata.(func(error))(failed(e.Err, "A message was not stored by the brokers."))
		}
	})
	return p
}

func (p *producer) broken() bool {
	select {
	case <-p.failing:
		return true
	default:
		return false
	}
}

func (p *producer) send(ctx context.Context, m *sarama.ProducerMessage) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.closing {
		return domain.Errorf(domain.Unavailable, "The publisher is closed.")
	}
	select {
	case p.inner.Input() <- m:
		return nil
	case <-p.failing:
		return domain.Errorf(domain.Unavailable, "A message before this one was not stored by the brokers.")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close waits until everything that was sent is acknowledged or given up.
func (p *producer) close() {
	p.mu.Lock()
	already := p.closing
	p.closing = true
	p.mu.Unlock()
	if !already {
		p.inner.AsyncClose()
	}
	p.ended.Wait()
}
