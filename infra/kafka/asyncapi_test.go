package kafka_test

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain/catalog"
	"orderflow/domain/eventlog"
	"orderflow/domain/fulfilment"
	"orderflow/domain/inventory"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/domain/shipment"
	"orderflow/infra/kafka"
	"orderflow/infra/memory"
)

// types are the Go types of a codec's events, by their names.
func types[E eventlog.Typed](t *testing.T, all map[string]reflect.Type, codec eventlog.Codec[E]) {
	t.Helper()
	for name, decode := range codec {
		e, err := decode([]byte(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		all[name] = reflect.TypeOf(e)
	}
}

// Every event of the codecs is documented with exactly its fields, and nothing else is.
func TestTheDocumentAgreesWithTheCodecs(t *testing.T) {
	d, all := readDocument(t), map[string]reflect.Type{}
	types(t, all, order.Codec)
	types(t, all, inventory.Codec)
	types(t, all, payment.Codec)
	types(t, all, shipment.Codec)
	types(t, all, catalog.Codec)
	types(t, all, fulfilment.Codec)
	documented := d.at("channels", "events", "messages")
	for name := range documented {
		if all[name] == nil {
			t.Errorf("%s is documented and does not exist", name)
		}
	}
	for name, event := range all {
		m := d.at("channels", "events", "messages", name)
		if m == nil {
			t.Errorf("%s is not documented", name)
			continue
		}
		if m["name"] != name {
			t.Errorf("%s is documented under the name %v", name, m["name"])
		}
		for _, wrong := range d.agrees(m["payload"].(node), event, name) {
			t.Error(wrong)
		}
	}
	for _, wrong := range d.agrees(d.at("components", "schemas", "Retry"), reflect.TypeFor[kafka.Retry](), "the retry") {
		t.Error(wrong)
	}
	t.Logf("%d types of events", len(all))
}

// The document says what the program's constants say.
func TestTheDocumentAgreesWithTheConstants(t *testing.T) {
	d := readDocument(t)
	for channel, topic := range map[string]string{"events": kafka.EventsTopic, "retry": kafka.RetryTopic, "poison": kafka.PoisonTopic} {
		c := d.at("channels", channel)
		bound := d.at("channels", channel, "bindings", "kafka")
		if c["address"] != topic || bound["topic"] != topic || bound["partitions"] != float64(kafka.DefaultPartitions) {
			t.Errorf("channel %s: address %v, topic %v, partitions %v", channel, c["address"], bound["topic"], bound["partitions"])
		}
	}
	reasons := d.at("components", "messages", "poison", "headers", "properties", "poison-reason")
	want := []string{
		string(kafka.MissingHeader), string(kafka.BadHeader), string(kafka.WrongKey), string(kafka.UnknownType),
		string(kafka.FutureVersion), string(kafka.BadBody), string(kafka.Panicked), string(kafka.Failing),
	}
	slices.Sort(want)
	if have := texts(reasons["enum"]); !slices.Equal(have, want) {
		t.Errorf("the reasons are documented as %v, and are %v", have, want)
	}
}

// The document has the form of AsyncAPI 3: what it refers to is there, and
// every operation is of a channel.
func TestTheDocumentIsWhole(t *testing.T) {
	d := readDocument(t)
	if d.root["asyncapi"] != "3.0.0" || d.at("info")["title"] == "" || d.at("info")["version"] == "" {
		t.Errorf("asyncapi %v, info %v", d.root["asyncapi"], d.at("info"))
	}
	used := map[string]bool{}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case node:
			if ref, ok := v["$ref"].(string); ok {
				used[ref] = true
				if d.target(ref) == nil {
					t.Errorf("%s does not exist", ref)
				}
			}
			for _, one := range v {
				walk(one)
			}
		case []any:
			for _, one := range v {
				walk(one)
			}
		}
	}
	walk(d.root)
	for name := range d.at("operations") {
		o := d.at("operations", name)
		if o["action"] != "send" && o["action"] != "receive" || o["channel"] == nil || o["summary"] == "" {
			t.Errorf("operation %s is %v", name, o)
		}
	}
	for _, part := range []string{"messages", "schemas", "messageTraits"} {
		for name := range d.at("components", part) {
			if ref := "#/components/" + part + "/" + name; !used[ref] {
				t.Errorf("%s is used by nothing", ref)
			}
		}
	}
}

// samples appends one event of every type to a log, as the golden files have them.
func samples(t *testing.T, log *memory.Log) (types []string) {
	t.Helper()
	files, err := filepath.Glob("../../domain/*/testdata/events.golden")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	versions := map[eventlog.Stream]eventlog.Version{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			name, data, _ := strings.Cut(strings.TrimSpace(line), " ")
			category, _, _ := strings.Cut(name, ".")
			stream := eventlog.Stream(category + "-ord_1")
			e := eventlog.Pending{
				ID: eventlog.NewEventID(line, stream, 0), Type: name, Data: []byte(data),
				Meta: eventlog.Meta{Correlation: "ord_1", Causation: "req_1", Trace: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
			}
			if _, err := log.Append(t.Context(), stream, versions[stream], e); err != nil {
				t.Fatal(err)
			}
			versions[stream]++
			types = append(types, name)
		}
	}
	return types
}

// Whatever goes into the topics is as the document says: every type of event,
// retries, poison, and the records of its replay. And a feed can read all events.
func TestWhatIsPublishedIsAsDocumented(t *testing.T) {
	d, k, log, places := readDocument(t), brokers(t), memory.New(), &memory.Checkpoints{}
	names := samples(t, log)
	running(t, kafka.Relay{Kafka: k, Log: log, Checkpoints: places}.Run)
	eventually(t, "all is published", func() bool { return place(t, places) == endOf(t, log) })
	poisonOne(t, k)

	seen, feed := map[string]bool{}, k.Feed("reader")
	for _, in := range everything(t, k, kafka.EventsTopic) {
		if string(in.Key) == "ord_poison" {
			continue
		}
		name := header(in, "ce_type")
		seen[name] = true
		conforms(t, d, d.at("channels", "events", "messages", name), d.at("components", "messageTraits", "event", "headers"), in)
		m, err := kafka.Marshaler{}.Unmarshal(in)
		if err != nil {
			t.Fatal(err)
		}
		if err := feed.Check(m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range names {
		if !seen[name] {
			t.Errorf("%s was not published", name)
		}
	}
	retries := everything(t, k, kafka.RetryTopic)
	if len(retries) != 2 {
		t.Errorf("%d retries, want 2: one is deferred, of one the outcome is unknown", len(retries))
	}
	for _, in := range retries {
		m := d.at("components", "messages", "retry")
		conforms(t, d, m, m["headers"].(node), in)
	}
	aside := everything(t, k, kafka.PoisonTopic)
	if len(aside) != 2 {
		t.Errorf("%d messages in the poison topic, want the message and its resolution", len(aside))
	}
	for _, in := range aside {
		m := d.at("components", "messages", "poison")
		if header(in, "poison-resolved") != "" {
			m = d.at("components", "messages", "resolution")
		}
		conforms(t, d, m, m["headers"].(node), in)
	}
	t.Logf("%d events of %d types", len(names), len(slices.Collect(maps.Keys(seen))))
}

// poisonOne has one message dead-lettered and replayed.
func poisonOne(t *testing.T, k *kafka.Kafka) {
	t.Helper()
	bad := good("ord_poison", 1)
	bad.body = []byte(`{`)
	if _, _, err := hand(t).SendMessage(bad.to(k.Topic(kafka.EventsTopic), 0)); err != nil {
		t.Fatal(err)
	}
	feed := k.Feed("strict")
	running(t, func(ctx context.Context) error {
		return kafka.Consumer{Kafka: k, Topic: kafka.EventsTopic, Group: feed.Group(), Handle: feed.Check}.Run(ctx)
	})
	fixed := kafka.Poison{Kafka: k, Handlers: map[string]kafka.Handler{feed.Group(): {Handle: func(*message.Message) error { return nil }}}}
	eventually(t, "it is dead-lettered and replayed", func() bool {
		report, err := fixed.Replay(t.Context(), false, kafka.Filter{})
		return err == nil && report.Done == 1
	})
}

func conforms(t *testing.T, d document, m, headers node, in *sarama.ConsumerMessage) {
	t.Helper()
	have := node{}
	for _, h := range in.Headers {
		have[string(h.Key)] = string(h.Value)
	}
	name, _ := m["name"].(string)
	wrongs := d.check(headers, have, name+" headers")
	if m["contentType"] != "application/octet-stream" {
		var body any
		if err := json.Unmarshal(in.Value, &body); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		wrongs = append(wrongs, d.check(m["payload"].(node), body, name)...)
	}
	for _, wrong := range wrongs {
		t.Error(wrong)
	}
}
