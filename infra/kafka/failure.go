package kafka

import (
	"context"
	"errors"
	"strings"

	"github.com/IBM/sarama"

	"orderflow/domain"
)

// failed gives an error of the library its kind: what the brokers refuse for
// good is Invalid, all else is trouble that passes.
func failed(err error, what string) error {
	if err == nil {
		return nil
	}
	if own, ok := errors.AsType[*domain.Error](err); ok {
		return own
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	kind := domain.Unavailable
	for _, never := range []error{
		sarama.ErrMessageSizeTooLarge, sarama.ErrInvalidTopic, sarama.ErrInvalidPartitions,
		sarama.ErrInvalidReplicationFactor, sarama.ErrInvalidConfig, sarama.ErrInvalidMessage,
	} {
		if errors.Is(err, never) {
			kind = domain.Invalid
		}
	}
	if _, ok := errors.AsType[sarama.ConfigurationError](err); ok && !strings.Contains(err.Error(), "Producer.MaxMessageBytes") {
		kind = domain.Internal
	} else if ok {
		kind = domain.Invalid // a message that is too large is called a wrong configuration
	}
	return domain.Wrap(kind, err, "%s", what)
}
