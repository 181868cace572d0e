package kafka

import (
	"context"
	"errors"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"orderflow/domain"
)

// Handle deals with one message. Its error's kind says what happens then:
//
//	nil            acknowledged
//	Unavailable    tried again until it goes well or the partition goes elsewhere
//	Invalid        set aside at once
//	any other      tried HandlerTries times, then set aside; so is a panic
//
// The handler may call [PassTurn] once the next message may begin. The
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
	router.AddMiddleware(c.inTurn, c.observe, c.patient, c.setAside, correlated, middleware.CorrelationID, c.retry().Middleware, middleware.Recoverer)
	router.AddConsumerHandler(c.Group, c.Kafka.Topic(c.Topic), subscriber, message.NoPublishHandlerFunc(c.Handle))
	if err := router.Run(ctx); err != nil && ctx.Err() == nil {
		return domain.Wrap(domain.Unavailable, err, "The router of group %s ended", c.Group)
	}
	return ctx.Err()
}

// inTurn begins a message when the one before it in its partition lets it.
func (c Consumer) inTurn(h message.HandlerFunc) message.HandlerFunc {
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

// patient repeats what failed because something else is not there.
func (c Consumer) patient(h message.HandlerFunc) message.HandlerFunc {
	return func(m *message.Message) ([]*message.Message, error) {
		ctx := m.Context()
		var rest backoff
		for {
			out, err := h(m)
			if err == nil || ctx.Err() != nil {
				return out, err
			}
			c.Kafka.config.Logger.WarnContext(ctx, "a message cannot be handled now; it is tried again",
				"group", c.Group, "kind", domain.KindOf(err).String(), "error", err)
			if err := rest.wait(ctx); err != nil {
				return nil, err
			}
		}
	}
}

// setAside moves a message out of the way that cannot be handled. If it cannot
// be put there either, the message stays.
func (c Consumer) setAside(h message.HandlerFunc) message.HandlerFunc {
	return func(m *message.Message) ([]*message.Message, error) {
		out, err := h(m)
		if err == nil || m.Context().Err() != nil || domain.KindOf(err) == domain.Unavailable {
			return out, err
		}
		return nil, c.Kafka.poison(c.Group, m, err)
	}
}

// retry repeats what failed for a reason that is neither the message's nor the world's.
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
