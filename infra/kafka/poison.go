package kafka

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"orderflow/domain"
)

// Headers of a dead-lettered message. Its body is the body as it was, and
// its key the order's, or the key as it was.
const (
	poisonID        = "poison-id" // group, topic, partition and offset: a second copy has the same id
	poisonGroup     = "poison-group"
	poisonTopic     = "poison-topic"
	poisonPartition = "poison-partition"
	poisonOffset    = "poison-offset"
	poisonReason    = "poison-reason" // a Reason
	poisonText      = "poison-text"   // for the operator
	poisonOrder     = "poison-order"  // if it can be told
	poisonWritten   = "poison-written"
	poisonAt        = "poison-at"
	poisonKey       = "poison-key"      // as it was; absent if there was none
	poisonHeaders   = "poison-headers"  // as they were, in order: JSON, names and values in base64
	poisonResolved  = "poison-resolved" // the id of a message that was replayed; such a record has no body
)

// maxTextBytes bounds the explanation that goes with a message: a panic brings its stack.
const maxTextBytes = 4 << 10

// header is a header as poisonHeaders keeps it.
type header struct {
	Name  []byte `json:"n"`
	Value []byte `json:"v"`
}

// poison publishes to [PoisonTopic] what a group could not handle.
func (k *Kafka) poison(group string, m *message.Message, cause error) error {
	in := Origin(m.Context())
	if in == nil {
		return domain.Wrap(domain.Internal, cause, "a message of no known origin")
	}
	why := reasonOf(cause)
	headers := make([]header, 0, len(in.Headers))
	for _, h := range in.Headers {
		headers = append(headers, header{h.Key, h.Value})
	}
	kept, err := json.Marshal(headers)
	if err != nil {
		return domain.Wrap(domain.Internal, err, "headers cannot be written")
	}
	order := orderOf(m)
	out := message.NewMessage("", in.Value)
	out.SetContext(m.Context())
	for name, value := range map[string]string{
		poisonID: poisonName(group, in), poisonGroup: group, poisonTopic: in.Topic,
		poisonPartition: strconv.Itoa(int(in.Partition)), poisonOffset: strconv.FormatInt(in.Offset, 10),
		poisonReason: string(why), poisonText: short(cause.Error()), poisonOrder: order,
		poisonWritten: in.Timestamp.UTC().Format(time.RFC3339Nano), poisonAt: time.Now().UTC().Format(time.RFC3339Nano),
		poisonHeaders: string(kept),
	} {
		if value != "" {
			out.Metadata.Set(name, value)
		}
	}
	SetKey(out, order)
	if in.Key != nil {
		out.Metadata.Set(poisonKey, string(in.Key))
		if order == "" {
			SetKey(out, string(in.Key))
		}
	}
	err = k.Publisher().Publish(k.Topic(PoisonTopic), out)
	if domain.KindOf(err) == domain.Invalid { // too large with its headers twice: what identifies it is enough to find it
		delete(out.Metadata, poisonHeaders)
		delete(out.Metadata, poisonKey)
		out.Payload = nil
		SetKey(out, order)
		err = k.Publisher().Publish(k.Topic(PoisonTopic), out)
	}
	if err != nil {
		return failed(err, "A message could not be dead-lettered.")
	}
	k.config.Observer.DeadLettered(group, string(why))
	k.config.Logger.Error("a message was dead-lettered", "group", group, "topic", in.Topic, "partition", in.Partition, "offset", in.Offset,
		"order", order, "reason", string(why), "error", short(cause.Error()))
	return nil
}

func poisonName(group string, in *sarama.ConsumerMessage) string {
	return strings.Join([]string{group, in.Topic, strconv.Itoa(int(in.Partition)), strconv.FormatInt(in.Offset, 10)}, "/")
}

// reasonOf returns the [Reason] for an error.
func reasonOf(err error) Reason {
	if u, ok := errors.AsType[UnreadableError](err); ok {
		return u.Reason
	}
	if _, ok := errors.AsType[middleware.RecoveredPanicError](err); ok {
		return Panicked
	}
	return Failing
}

// orderOf returns the order a message is about: the correlation, or the subject's id.
func orderOf(m *message.Message) string {
	order := m.Metadata.Get(ceCorrelation)
	if order == "" {
		order = subject(m).ID()
	}
	if domain.CheckName("order", order) != nil {
		return ""
	}
	return order
}

// short cuts a text to maxTextBytes of valid UTF-8.
func short(text string) string {
	if len(text) > maxTextBytes {
		text = text[:maxTextBytes]
	}
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\uFFFD")
	}
	return text
}
