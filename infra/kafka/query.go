package kafka

import (
	"context"
	"errors"
	"time"

	"github.com/IBM/sarama"

	"orderflow/internal/pause"
)

// queryWait is how long a broker holds back a fetch at the end of a partition; Close waits for it.
const queryWait = 50 * time.Millisecond

// queryTries bounds the attempts of one query: they last through the election of a
// leader, or until a new topic is known on all brokers.
const queryTries = 6

// query runs questions on its own connection to the brokers, and runs all of them
// again with backoff while one fails with a transient error.
func (k *Kafka) query(ctx context.Context, questions func(sarama.Client) error) error {
	rest := newBackoff()
	for try := 1; ; try++ {
		client, err := bounded(ctx, func() (sarama.Client, error) {
			c := k.sarama()
			c.Consumer.MaxWaitTime = queryWait
			return sarama.NewClient(k.config.Brokers, c)
		}, func(c sarama.Client) { _ = c.Close() })
		if err != nil {
			return err
		}
		err = questions(client)
		_ = client.Close() // it only asked
		if _, broker := errors.AsType[sarama.KError](err); !broker || try == queryTries {
			return err
		}
		if pause.For(ctx, rest.NextBackOff()) != nil {
			return err
		}
	}
}

// readFrom calls each with the messages of a partition from offset from to end
// until each returns false.
func readFrom(ctx context.Context, client sarama.Client, topic string, partition int32, from, end int64, each func(*sarama.ConsumerMessage) bool) error {
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return err
	}
	defer consumer.Close() //nolint:errcheck // it only read
	one, err := consumer.ConsumePartition(topic, partition, from)
	if err != nil {
		return err
	}
	defer one.Close() //nolint:errcheck // it empties what was fetched and not asked for
	for {
		select {
		case m, ok := <-one.Messages():
			if !ok || !each(m) || m.Offset+1 >= end {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
