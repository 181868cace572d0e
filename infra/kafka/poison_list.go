package kafka

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"orderflow/domain"
)

// Poison is the dead-letter queue of all groups of all processes.
type Poison struct {
	Kafka    *Kafka
	Handlers map[string]Handler // by group, without the prefix: those that run in this process
}

// Handler replays the dead-lettered messages of one group.
type Handler struct {
	// Check reports whether the message can be read; nil: only Handle can tell.
	Check Handle
	// Handle is the handler of the group.
	Handle Handle
}

// Filter selects messages; empty fields match all.
type Filter struct {
	ID     string
	Group  string // without the prefix
	Topic  string // without the prefix
	Order  string
	Reason Reason
	Limit  int // at most [MaxListed], which is the default
}

// Record is one dead-lettered message that was not replayed.
type Record struct {
	ID        string // the same for ever
	Group     string
	Topic     string
	Partition int32
	Offset    int64
	Order     string // empty if it cannot be told
	Reason    Reason
	Text      string // for the operator; it may quote the message
	Bytes     int    // of its body
	Written   time.Time
	At        time.Time // when it was dead-lettered

	partition int32 // in the poison topic
	offset    int64
}

// List returns the dead letters that were not replayed since, the oldest first. It
// reads the topic from its start.
func (p Poison) List(ctx context.Context, f Filter) ([]Record, error) {
	records := map[string]Record{}
	resolved := map[string]bool{}
	err := p.Kafka.each(ctx, PoisonTopic, func(m *sarama.ConsumerMessage) error {
		h := headers(m)
		if id := h[poisonResolved]; id != "" {
			resolved[id] = true
			delete(records, id)
			return nil
		}
		r := p.Kafka.record(m, h)
		if _, known := records[r.ID]; known || resolved[r.ID] || !f.means(r) {
			return nil
		}
		if len(records) >= 2*MaxListed {
			return domain.Errorf(domain.Exhausted, "More than %d messages are dead-lettered; narrow the filter.", 2*MaxListed)
		}
		records[r.ID] = r
		return nil
	})
	if err != nil {
		return nil, failed(err, "The dead-letter topic cannot be read.")
	}
	all := make([]Record, 0, len(records))
	for _, r := range records {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b Record) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
	limit := f.Limit
	if limit <= 0 || limit > MaxListed {
		limit = MaxListed
	}
	return all[:min(limit, len(all))], nil
}

func (f Filter) means(r Record) bool {
	return (f.ID == "" || f.ID == r.ID) && (f.Group == "" || f.Group == r.Group) && (f.Topic == "" || f.Topic == r.Topic) &&
		(f.Order == "" || f.Order == r.Order) && (f.Reason == "" || f.Reason == r.Reason)
}

// record reads the headers of a message in the poison topic. A message
// that another program wrote is listed by its offset.
func (k *Kafka) record(m *sarama.ConsumerMessage, h map[string]string) Record {
	partition, _ := strconv.ParseInt(h[poisonPartition], 10, 32)
	offset, _ := strconv.ParseInt(h[poisonOffset], 10, 64)
	written, _ := time.Parse(time.RFC3339Nano, h[poisonWritten])
	at, err := time.Parse(time.RFC3339Nano, h[poisonAt])
	if err != nil {
		at = m.Timestamp
	}
	return Record{
		ID:    cmp.Or(h[poisonID], poisonName("", m)),
		Group: h[poisonGroup], Topic: strings.TrimPrefix(h[poisonTopic], k.config.Prefix), Partition: int32(partition), Offset: offset,
		Order: h[poisonOrder], Reason: Reason(h[poisonReason]), Text: h[poisonText], Bytes: len(m.Value), Written: written, At: at,
		partition: m.Partition, offset: m.Offset,
	}
}

func headers(m *sarama.ConsumerMessage) map[string]string {
	all := make(map[string]string, len(m.Headers))
	for _, h := range m.Headers {
		if h != nil {
			all[string(h.Key)] = string(h.Value)
		}
	}
	return all
}

// original returns the message as it was before it was dead-lettered.
func (k *Kafka) original(r Record, m *sarama.ConsumerMessage) (*sarama.ConsumerMessage, error) {
	h := headers(m)
	var kept []header
	if err := json.Unmarshal([]byte(h[poisonHeaders]), &kept); err != nil {
		return nil, domain.Wrap(domain.Invalid, err, "The dead letter has only the name of a message, not the message")
	}
	out := &sarama.ConsumerMessage{
		Topic: k.Topic(r.Topic), Partition: r.Partition, Offset: r.Offset, Timestamp: r.Written, Value: m.Value,
	}
	if key, ok := h[poisonKey]; ok {
		out.Key = []byte(key)
	}
	for _, one := range kept {
		out.Headers = append(out.Headers, &sarama.RecordHeader{Key: one.Name, Value: one.Value})
	}
	return out, nil
}

// each gives f every message a topic holds now, partition by partition; after a
// failure that passes, all of them again.
func (k *Kafka) each(ctx context.Context, topic string, f func(*sarama.ConsumerMessage) error) error {
	return k.query(ctx, func(client sarama.Client) error {
		partitions, err := client.Partitions(k.Topic(topic))
		if err != nil {
			return err
		}
		for _, p := range partitions {
			if err := eachOf(ctx, client, k.Topic(topic), p, f); err != nil {
				return err
			}
		}
		return nil
	})
}

func eachOf(ctx context.Context, client sarama.Client, topic string, partition int32, f func(*sarama.ConsumerMessage) error) error {
	end, err := client.GetOffset(topic, partition, sarama.OffsetNewest)
	if err != nil {
		return err
	}
	from, err := client.GetOffset(topic, partition, sarama.OffsetOldest)
	if err != nil || from >= end {
		return err
	}
	var stopped error
	err = readFrom(ctx, client, topic, partition, from, end, func(m *sarama.ConsumerMessage) bool {
		stopped = f(m)
		return stopped == nil
	})
	if stopped != nil {
		return stopped
	}
	return err
}
