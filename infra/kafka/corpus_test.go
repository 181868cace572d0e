package kafka_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"orderflow/domain"
	"orderflow/infra/kafka"
)

// poisonous is one message that nobody can read, or whose handler fails.
type poisonous struct {
	name   string
	change func(*letter)
	reason kafka.Reason
	handle func() error // what the handler does with it; nil: it only reads it
}

// letter is a message before it is sent.
type letter struct {
	key     []byte
	headers map[string]string
	more    []sarama.RecordHeader // behind headers
	body    []byte
}

// good returns a message that can be read.
func good(id domain.OrderID, n int) *letter {
	return &letter{
		key: []byte(id), body: []byte(`{"reason":"customer_asked"}`),
		headers: map[string]string{
			"ce_specversion": "1.0", "ce_id": fmt.Sprintf("00000000-0000-8000-8000-%012d", n), "ce_source": "/orderflow/order",
			"ce_type": "order.cancelled.v1", "ce_subject": "order-" + string(id), "ce_time": "2026-03-01T12:00:00.123456Z",
			"ce_streamversion": "3", "ce_position": fmt.Sprint(n + 1), "ce_correlationid": string(id), "content-type": "application/json",
		},
	}
}

func (l *letter) to(topic string, partition int32) *sarama.ProducerMessage {
	m := &sarama.ProducerMessage{Topic: topic, Partition: partition, Timestamp: time.Now()}
	if l.key != nil {
		m.Key = sarama.ByteEncoder(l.key)
	}
	if l.body != nil {
		m.Value = sarama.ByteEncoder(l.body)
	}
	for name, value := range l.headers {
		m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(name), Value: []byte(value)})
	}
	m.Headers = append(m.Headers, l.more...)
	return m
}

func body(text string) func(*letter) { return func(l *letter) { l.body = []byte(text) } }

func without(name string) func(*letter) { return func(l *letter) { delete(l.headers, name) } }

func with(name, value string) func(*letter) { return func(l *letter) { l.headers[name] = value } }

// corpus is every way we know in which a message can be poison.
func corpus() []poisonous {
	same := func(*letter) {}
	return []poisonous{
		{name: "no body", change: func(l *letter) { l.body = nil }, reason: kafka.BadBody},
		{name: "empty body", change: body(""), reason: kafka.BadBody},
		{name: "spaces", change: body(" \t\n "), reason: kafka.BadBody},
		{name: "cut off", change: body(`{"reason":"customer_a`), reason: kafka.BadBody},
		{name: "not JSON", change: body(`reason=customer_asked`), reason: kafka.BadBody},
		{name: "two values", change: body(`{"reason":"x"}{"reason":"y"}`), reason: kafka.BadBody},
		{name: "an array", change: body(`[{"reason":"x"}]`), reason: kafka.BadBody},
		{name: "null", change: body(`null`), reason: kafka.BadBody},
		{name: "a number", change: body(`42`), reason: kafka.BadBody},
		{name: "wrong type of a field", change: body(`{"reason":{"a":1}}`), reason: kafka.BadBody},
		{name: "bytes that are no text", change: body("\xff\xfe\x00\x01"), reason: kafka.BadBody},
		{name: "a byte order mark", change: body("\xef\xbb\xbf{}"), reason: kafka.BadBody},
		{name: "UTF-16", change: body("{\x00}\x00"), reason: kafka.BadBody},
		{name: "compressed", change: body("\x1f\x8b\x08\x00\x00\x00\x00\x00"), reason: kafka.BadBody},
		{name: "nested ten thousand deep", change: body(`{"reason":` + strings.Repeat("[", 10_100) + strings.Repeat("]", 10_100) + `}`), reason: kafka.BadBody},
		{name: "10 MiB", change: func(l *letter) { l.body = bytes.Repeat([]byte("x"), 10<<20) }, reason: kafka.BadBody},
		{name: "10 MiB of JSON that goes wrong at its end", change: body(`{"detail":"` + strings.Repeat("y", 10<<20) + `"`), reason: kafka.BadBody},
		{name: "no type", change: without("ce_type"), reason: kafka.MissingHeader},
		{name: "no id", change: without("ce_id"), reason: kafka.MissingHeader},
		{name: "no subject", change: without("ce_subject"), reason: kafka.MissingHeader},
		{name: "no time", change: without("ce_time"), reason: kafka.MissingHeader},
		{name: "no position", change: without("ce_position"), reason: kafka.MissingHeader},
		{name: "no content type", change: without("content-type"), reason: kafka.MissingHeader},
		{name: "no headers at all", change: func(l *letter) { l.headers = nil }, reason: kafka.MissingHeader},
		{name: "unknown type", change: with("ce_type", "order.vanished.v1"), reason: kafka.UnknownType},
		{name: "a type with no version", change: with("ce_type", "order.cancelled"), reason: kafka.UnknownType},
		{name: "a type of 100 KiB", change: with("ce_type", strings.Repeat("t", 100<<10)), reason: kafka.UnknownType},
		{name: "future version", change: with("ce_type", "order.cancelled.v9"), reason: kafka.FutureVersion},
		{name: "another CloudEvents", change: with("ce_specversion", "0.3"), reason: kafka.BadHeader},
		{name: "structured mode", change: with("content-type", "application/cloudevents+json"), reason: kafka.BadHeader},
		{name: "Avro", change: with("content-type", "application/avro"), reason: kafka.BadHeader},
		{name: "an id that is none", change: with("ce_id", "17"), reason: kafka.BadHeader},
		{name: "a time that is none", change: with("ce_time", "yesterday"), reason: kafka.BadHeader},
		{name: "version zero", change: with("ce_streamversion", "0"), reason: kafka.BadHeader},
		{name: "a negative position", change: with("ce_position", "-1"), reason: kafka.BadHeader},
		{name: "a position beyond 64 bits", change: with("ce_position", "9223372036854775808"), reason: kafka.BadHeader},
		{name: "a subject that is no stream", change: with("ce_subject", "order"), reason: kafka.BadHeader},
		{name: "a subject that is no text", change: with("ce_subject", "\xff\x00\n"), reason: kafka.BadHeader},
		{name: "another source", change: with("ce_source", "/elsewhere"), reason: kafka.BadHeader},
		{name: "another aggregate's type", change: with("ce_type", "payment.voided.v1"), reason: kafka.BadHeader},
		{name: "wrong key", change: func(l *letter) { l.key = []byte("ord_other") }, reason: kafka.WrongKey},
		{name: "no key", change: func(l *letter) { l.key = nil }, reason: kafka.WrongKey},
		{name: "a thousand headers, the type twice", change: func(l *letter) {
			for i := range 1_000 {
				l.more = append(l.more, sarama.RecordHeader{Key: fmt.Appendf(nil, "h%d", i), Value: []byte("v")})
			}
			l.more = append(l.more, sarama.RecordHeader{Key: []byte("ce_type"), Value: []byte("nonsense")})
		}, reason: kafka.UnknownType},
		{name: "a handler that panics", change: same, handle: func() error { panic("no") }, reason: kafka.Panicked},
		{name: "a handler that reads nil", change: same, handle: func() error { var l *letter; return errors.New(string(l.body)) }, reason: kafka.Panicked},
		{name: "a handler that fails", change: same, handle: func() error { return errors.New("no") }, reason: kafka.Failing},
		{name: "a handler that refuses", change: same, handle: func() error { return domain.Errorf(domain.Invalid, "no") }, reason: kafka.Failing},
	}
}
