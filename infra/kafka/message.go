package kafka

import (
	"context"

	"github.com/IBM/sarama"
	wkafka "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"
)

// keyName is the metadata of a message that holds its key; it is no header on the wire.
const keyName = "kafka_key"

// Marshaler turns Watermill's messages into Kafka's and back: metadata are
// headers, and [Key] is the key. Nothing of Watermill's own is on the wire, so
// any program can read and write these topics.
type Marshaler struct{}

var _ wkafka.MarshalerUnmarshaler = Marshaler{}

// SetKey gives a message the key that decides its partition.
func SetKey(m *message.Message, key string) { m.Metadata.Set(keyName, key) }

// Key is what [SetKey] gave a message, or the key it was read with.
func Key(m *message.Message) string { return m.Metadata.Get(keyName) }

// Marshal implements watermill-kafka's Marshaler.
func (Marshaler) Marshal(topic string, m *message.Message) (*sarama.ProducerMessage, error) {
	out := &sarama.ProducerMessage{
		Topic: topic, Value: sarama.ByteEncoder(m.Payload), Headers: make([]sarama.RecordHeader, 0, len(m.Metadata)),
	}
	for name, value := range m.Metadata {
		if name == keyName {
			out.Key = sarama.StringEncoder(value)
			continue
		}
		out.Headers = append(out.Headers, sarama.RecordHeader{Key: []byte(name), Value: []byte(value)})
	}
	return out, nil
}

// Unmarshal implements watermill-kafka's Unmarshaler. Of headers with the same
// name the last one counts; [Origin] has them all.
func (Marshaler) Unmarshal(in *sarama.ConsumerMessage) (*message.Message, error) {
	m := message.NewMessage("", in.Value)
	for _, h := range in.Headers {
		if h != nil && string(h.Key) != keyName {
			m.Metadata.Set(string(h.Key), string(h.Value))
		}
	}
	m.UUID = m.Metadata.Get(ceID)
	if in.Key != nil {
		SetKey(m, string(in.Key))
	}
	return m, nil
}

// originKey is where a message's context holds where it came from.
type originKey struct{}

// Origin returns the message as the broker has it, for messages that were consumed
// or replayed; nil for others.
func Origin(ctx context.Context) *sarama.ConsumerMessage {
	m, _ := ctx.Value(originKey{}).(*sarama.ConsumerMessage)
	return m
}

func withOrigin(ctx context.Context, m *sarama.ConsumerMessage) context.Context {
	return context.WithValue(ctx, originKey{}, m)
}
