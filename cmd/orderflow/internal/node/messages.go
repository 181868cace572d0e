package node

import (
	"context"
	"time"

	"orderflow/domain/eventlog"
	"orderflow/infra/kafka"
	"orderflow/infra/telemetry"
	"orderflow/sagas"
)

// connectKafka names the brokers, if there are any; they are spoken to when needed.
func (a *App) connectKafka() {
	if len(a.Config.Kafka) == 0 {
		return
	}
	a.kafka = kafka.New(kafka.Config{
		Brokers: a.Config.Kafka, Prefix: a.Config.Topics, Replication: a.Config.Replication, Logger: a.Logger, Observer: a.kafkaObserver(),
	})
	a.onClose(a.kafka.Close)
}

// feed is what wakes a saga: its consumer group, or the log itself.
func (a *App) feed(saga string) sagas.Feed {
	if a.kafka == nil {
		return a.Log
	}
	f := a.kafka.Feed(saga)
	a.groups = append(a.groups, f.Group())
	return f
}

// retryQueue wakes the payments that wait in Kafka as soon as the gateway's
// breaker lets calls through.
func (a *App) retryQueue(charging *sagas.Driver) {
	if a.kafka == nil {
		return
	}
	a.groups = append(a.groups, kafka.RetryGroup)
	ready := func() (wait time.Duration, ok bool) { // one of the gateways
		for i, g := range a.gateways {
			_, at, ok := g.Ready()
			if ok {
				return 0, true
			}
			if left := time.Until(at); i == 0 || left < wait {
				wait = left
			}
		}
		return wait, false
	}
	a.runs("retry queue", func(ctx context.Context) error {
		return a.kafka.RetryQueue().Run(ctx, ready, charging.Wake)
	})
}

// relay tells Kafka what is in the log, in one process at a time.
func (a *App) relay(ctx context.Context) error {
	if a.kafka == nil || !a.Config.Roles.relays() {
		return nil
	}
	checkpoints, err := a.backend.checkpoints(ctx, string(roleOrder))
	if err != nil {
		return err
	}
	a.runs("relay", func(ctx context.Context) error {
		return a.whileHolding(ctx, roleRelay, func(ctx context.Context, token int64) error {
			return kafka.Relay{Kafka: a.kafka, Log: a.Log, Checkpoints: fencedBy(checkpoints, token)}.Run(ctx)
		})
	})
	return nil
}

// fenced are checkpoints that know who may save.
type fenced interface {
	LoadFenced(ctx context.Context, name string, token int64) (eventlog.Checkpoint, error)
	SaveFenced(ctx context.Context, name string, at eventlog.Checkpoint, token int64) error
}

// fencedBy lets only the holder of the newest token save, where checkpoints are shared.
func fencedBy(c sagas.Checkpoints, token int64) sagas.Checkpoints {
	if f, ok := c.(fenced); ok {
		return byToken{f, token}
	}
	return c
}

type byToken struct {
	fenced
	token int64
}

// LoadCheckpoint implements sagas.Checkpoints.
func (b byToken) LoadCheckpoint(ctx context.Context, name string) (eventlog.Checkpoint, error) {
	return b.LoadFenced(ctx, name, b.token)
}

// SaveCheckpoint implements sagas.Checkpoints.
func (b byToken) SaveCheckpoint(ctx context.Context, name string, at eventlog.Checkpoint) error {
	return b.SaveFenced(ctx, name, at, b.token)
}

// queues are how far the groups of this process are behind.
func (a *App) queues(ctx context.Context) (all []telemetry.Queue, err error) {
	for _, group := range a.groups {
		topic := kafka.EventsTopic
		if group == kafka.RetryGroup {
			topic = kafka.RetryTopic
		}
		lags, err := a.kafka.Lag(ctx, group, topic)
		if err != nil {
			return nil, err
		}
		for _, l := range lags {
			all = append(all, telemetry.Queue{Group: group, Topic: l.Topic, Messages: l.Messages, Age: l.Age})
		}
	}
	return all, nil
}

// kafkaObserver counts what passes through the brokers.
func (a *App) kafkaObserver() kafka.Observer {
	m := a.metrics.Load()
	return kafka.Observer{
		Published: m.MessagePublished, Handled: m.MessageHandled, DeadLettered: m.MessageSetAside,
		GroupError: m.GroupFailed, RelayError: m.RelayFailed, Relayed: m.Relayed,
	}
}
