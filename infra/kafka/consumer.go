package kafka

import (
	"context"
	"errors"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"orderflow/domain"
	"orderflow/internal/pause"
)

// Handle deals with one message. Its error's kind says what happens then:
//
//	nil            acknowledged
//	Unavailable    tried again until it goes well or the partition goes elsewhere
//	Invalid        dead-lettered at once
//	any other      tried HandlerTries times, then dead-lettered; so is a panic
//
// The handler may call [ReleaseNext] once the next message may begin. The
// message's context ends when the message is no longer this process's.
type Handle func(*message.Message) error

// Consumer handles the messages of one topic as a member of one group: those of
// a partition one after the other, in order, each at least once.
type Consumer struct {
	Kafka  *Kafka
	Topic  string // without the prefix
	Group  string // without the prefix
	Handle Handle
}

// Run handles messages until ctx is done; then nothing of it runs any more.
func (c Consumer) Run(ctx context.Context) error {
	logger := c.Kafka.log()
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: CloseTimeout}, logger)
	if err != nil {
		return domain.Wrap(domain.Internal, err, "The router of group %s cannot be made", c.Group)
	}
	subscriber := c.Kafka.Subscriber(c.Kafka.Group(c.Group))
	defer subscriber.Close() //nolint:errcheck // it has no errors
	router.AddMiddleware(c.inPartitionOrder, c.observe, c.retryUnavailable, c.deadLetter, correlated, middleware.CorrelationID, c.retry().Middleware, middleware.Recoverer)
	router.AddConsumerHandler(c.Group, c.Kafka.Topic(c.Topic), subscriber, message.NoPublishHandlerFunc(c.Handle))
	if err := router.Run(ctx); err != nil && ctx.Err() == nil {
		return domain.Wrap(domain.Unavailable, err, "The router of group %s ended", c.Group)
	}
	return ctx.Err()
}

// inPartitionOrder starts a message once the message before it in the partition released it.
func (c Consumer) inPartitionOrder(h message.HandlerFunc) message.HandlerFunc {
	return func(m *message.Message) ([]*message.Message, error) {
		if t, ok := m.Context().Value(partitionOrderKey{}).(*partitionOrder); ok {
			if err := t.wait(m.Context()); err != nil {
				return nil, err
			}
			defer t.release()
		}
		return h(m)
	}
}

func (c Consumer) observe(h message.HandlerFunc) message.HandlerFunc {
	return func(m *message.Message) ([]*message.Message, error) {
		out, err := h(m)
		if m.Context().Err() == nil {
			c.Kafka.config.Observer.Handled(c.Group, err)
		}
		return out, err
	}
}

// retryUnavailable retries a message with backoff while its error is Unavailable.
func (c Consumer) retryUnavailable(h message.HandlerFunc) message.HandlerFunc {
	return func(m *message.Message) ([]*message.Message, error) {
		ctx := m.Context()
		rest := newBackoff()
		for {
			out, err := h(m)
			if err == nil || ctx.Err() != nil {
				return out, err
			}
			c.Kafka.config.Logger.WarnContext(ctx, "a message cannot be handled now; it is tried again",
				"group", c.Group, "kind", domain.KindOf(err).String(), "error", err)
			if err := pause.For(ctx, rest.NextBackOff()); err != nil {
				return nil, err
			}
		}
	}
}

// deadLetter publishes a message that cannot be handled to the poison topic and
// acknowledges it. If publishing fails, the message stays unacknowledged.
func (c Consumer) deadLetter(h message.HandlerFunc) message.HandlerFunc {
	return func(m *message.Message) ([]*message.Message, error) {
		out, err := h(m)
		if err == nil || m.Context().Err() != nil || domain.KindOf(err) == domain.Unavailable {
			return out, err
		}
		return nil, c.Kafka.poison(c.Group, m, err)
	}
}

// retry returns the middleware that retries errors which are neither Invalid nor Unavailable.
func (c Consumer) retry() middleware.Retry {
	return middleware.Retry{
		MaxRetries: HandlerTries - 1, InitialInterval: FirstRetry, MaxInterval: HandlerTries * FirstRetry, Multiplier: 2,
		ShouldRetry: func(p middleware.RetryParams) bool {
			kind := domain.KindOf(p.Err)
			return kind != domain.Invalid && kind != domain.Unavailable && !errors.Is(p.Err, context.Canceled)
		},
	}
}

// correlated gives Watermill's correlation id the value of CloudEvents'.
func correlated(h message.HandlerFunc) message.HandlerFunc {
	return func(m *message.Message) ([]*message.Message, error) {
		if id := m.Metadata.Get(ceCorrelation); id != "" {
			middleware.SetCorrelationID(id, m)
		}
		return h(m)
	}
}
