package kafka

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/IBM/sarama"
)

// CreateTopics makes the topics that are not there and leaves the others as
// they are. It need not be called: whatever runs calls it first.
func (k *Kafka) CreateTopics(ctx context.Context) error {
	k.made.Lock()
	defer k.made.Unlock()
	if k.topics {
		return nil
	}
	admin, err := bounded(ctx, func() (sarama.ClusterAdmin, error) {
		return sarama.NewClusterAdmin(k.config.Brokers, k.sarama())
	}, func(a sarama.ClusterAdmin) { _ = a.Close() })
	if err != nil {
		return failed(err, "The brokers of Kafka do not answer.")
	}
	defer admin.Close() //nolint:errcheck // it only asked
	for _, t := range topics(k.config) {
		err := admin.CreateTopic(k.Topic(t.name), k.detail(t.keep), false)
		if err != nil && !errors.Is(err, sarama.ErrTopicAlreadyExists) {
			return failed(err, "Topic "+k.Topic(t.name)+" cannot be made.")
		}
	}
	k.topics = true
	return nil
}

// topic is a topic without the installation's prefix, and how long it keeps a message.
type topic struct {
	name string
	keep time.Duration
}

// topics is the one table of topics.
func topics(c Config) []topic {
	return []topic{{EventsTopic, c.Retention}, {RetryTopic, c.Retention}, {PoisonTopic, PoisonRetention}}
}

func (k *Kafka) detail(keep time.Duration) *sarama.TopicDetail {
	entry := func(n int64) *string { s := strconv.FormatInt(n, 10); return &s }
	entries := map[string]*string{
		"retention.ms":      entry(keep.Milliseconds()),
		"max.message.bytes": entry(MaxMessageBytes),
	}
	if k.config.Replication > 1 { // an acknowledgement stands for two copies at least
		entries["min.insync.replicas"] = entry(2)
	}
	return &sarama.TopicDetail{NumPartitions: k.config.Partitions, ReplicationFactor: k.config.Replication, ConfigEntries: entries}
}

// bounded calls f, which does not look at a context, in a goroutine that may be
// left behind when ctx ends; what it brings then is given to drop.
func bounded[T any](ctx context.Context, f func() (T, error), drop func(T)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	came := make(chan answer, 1)
	go func() {
		v, err := f()
		came <- answer{v, err}
	}()
	select {
	case a := <-came:
		return a.value, a.err
	case <-ctx.Done():
		go func() {
			if a := <-came; a.err == nil {
				drop(a.value)
			}
		}()
		var none T
		return none, ctx.Err()
	}
}
