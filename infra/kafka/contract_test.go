package kafka_test

import (
	"context"
	"testing"

	"orderflow/infra/kafka"
	"orderflow/infra/memory"
	"orderflow/sagas"
	"orderflow/sagas/sagastest"
)

// From the log through the relay and the brokers to a consumer group.
func TestFeed(t *testing.T) {
	sagastest.RunFeed(t, func(t *testing.T) sagastest.Fed {
		k, log := brokers(t), memory.New()
		running(t, func(ctx context.Context) error {
			return kafka.Relay{Kafka: k, Log: log, Checkpoints: &memory.Checkpoints{}}.Run(ctx)
		})
		return sagastest.Fed{Log: log, Feed: func() sagas.Feed { return k.Feed("contract") }}
	})
}
