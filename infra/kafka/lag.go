package kafka

import (
	"context"
	"slices"
	"time"

	"github.com/IBM/sarama"
)

// Lag is the lag of a group in one topic.
type Lag struct {
	Topic    string        // without the prefix
	Messages int64         // not acknowledged
	Age      time.Duration // of the oldest of them; 0 if there is none
}

// Lag returns the lag of a group, topic by topic: of the topics it has
// committed offsets for, and of those named. All names are without the prefix.
// What a group has never read counts from the oldest message there is.
func (k *Kafka) Lag(ctx context.Context, group string, topics ...string) ([]Lag, error) {
	ctx, cancel := context.WithTimeout(ctx, QueryTimeout)
	defer cancel()
	var lags []Lag
	err := k.query(ctx, func(client sarama.Client) (err error) {
		lags, err = k.lag(ctx, client, k.Group(group), topics)
		return err
	})
	return lags, failed(err, "The lag of group "+group+" is not known.")
}

func (k *Kafka) lag(ctx context.Context, client sarama.Client, group string, topics []string) ([]Lag, error) {
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		return nil, err
	}
	answer, err := admin.ListConsumerGroupOffsets(group, nil)
	if err != nil {
		return nil, err
	}
	if answer.Err != sarama.ErrNoError {
		return nil, answer.Err
	}
	names := make([]string, 0, len(topics)+len(answer.Blocks))
	for _, t := range topics {
		names = append(names, k.Topic(t))
	}
	for full := range answer.Blocks {
		names = append(names, full)
	}
	slices.Sort(names)
	var lags []Lag
	for _, full := range slices.Compact(names) {
		l := Lag{Topic: full[len(k.config.Prefix):]}
		partitions, err := client.Partitions(full)
		if err != nil {
			return nil, err
		}
		for _, p := range partitions {
			committed := int64(-1)
			if b := answer.Blocks[full][p]; b != nil {
				committed = b.Offset
			}
			n, age, err := behind(ctx, client, full, p, committed)
			if err != nil {
				return nil, err
			}
			l.Messages, l.Age = l.Messages+n, max(l.Age, age)
		}
		lags = append(lags, l)
	}
	return lags, nil
}

// behind returns how many messages of a partition lie from an offset on, and how old the first is.
func behind(ctx context.Context, client sarama.Client, topic string, partition int32, from int64) (int64, time.Duration, error) {
	end, err := client.GetOffset(topic, partition, sarama.OffsetNewest)
	if err != nil {
		return 0, 0, err
	}
	oldest, err := client.GetOffset(topic, partition, sarama.OffsetOldest)
	if err != nil {
		return 0, 0, err
	}
	from = max(from, oldest)
	if from >= end {
		return 0, 0, nil
	}
	var age time.Duration
	err = readFrom(ctx, client, topic, partition, from, end, func(m *sarama.ConsumerMessage) bool {
		age = max(0, time.Since(m.Timestamp))
		return false
	})
	return end - from, age, err
}
