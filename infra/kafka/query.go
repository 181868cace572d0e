package kafka

import (
	"context"
	"errors"
	"time"

	"github.com/IBM/sarama"
)

// queryWait is how long a broker waits for more than there is; closing waits for it.
const queryWait = 50 * time.Millisecond

// queryTries is how often a question is asked that a broker cannot answer now:
// through the election of a leader, or until a new topic is known everywhere.
const queryTries = 6

// query asks brokers a few questions on a connection of their own, and asks all
// of them again while one fails for a reason that passes.
func (k *Kafka) query(ctx context.Context, questions func(sarama.Client) error) error {
	var rest backoff
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
		if rest.wait(ctx) != nil {
			return err
		}
	}
}

// readFrom gives a partition's messages from one offset up to another to each,
// until that returns false.
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
