package kafka

import (
	"strconv"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"orderflow/domain/eventlog"
)

// Headers of an event: CloudEvents 1.0, Kafka protocol binding, binary mode.
// The context attributes of CloudEvents begin with ce_.
const (
	ceSpecVersion   = "ce_specversion"
	ceID            = "ce_id"            // the event's id, a UUID, the same for ever
	ceSource        = "ce_source"        // "/orderflow/" and the category of the stream
	ceType          = "ce_type"          // "order.placed.v1"
	ceSubject       = "ce_subject"       // the stream: "order-ord_7…"
	ceTime          = "ce_time"          // when the log took it
	ceStreamVersion = "ce_streamversion" // place in its stream, from 1
	cePosition      = "ce_position"      // place in the log
	ceCorrelation   = "ce_correlationid" // the order all this is about
	ceCausation     = "ce_causationid"   // what led to it
	traceparent     = "traceparent"      // W3C: a reader links to it and is not its child
	contentType     = "content-type"

	specVersion = "1.0"
	jsonContent = "application/json"
	sourceRoot  = "/orderflow/"
)

// Categories returns the categories whose events are published.
func Categories() []string { return newEventRegistry().categories }

// Event returns the message for an event of the log. Its key is the stream's id.
func Event(r eventlog.Recorded) *message.Message {
	id := uuid.UUID(r.ID).String()
	m := message.NewMessage(id, r.Data)
	m.Metadata = message.Metadata{
		ceSpecVersion: specVersion, ceID: id, ceSource: sourceRoot + r.Stream.Category(), ceType: r.Type, ceSubject: string(r.Stream),
		ceTime:          r.At.UTC().Format(time.RFC3339Nano),
		ceStreamVersion: strconv.FormatInt(int64(r.Version), 10), cePosition: strconv.FormatInt(int64(r.Position), 10),
		contentType: jsonContent,
	}
	for name, value := range map[string]string{ceCorrelation: r.Meta.Correlation, ceCausation: r.Meta.Causation, traceparent: r.Meta.Trace} {
		if value != "" {
			m.Metadata.Set(name, value)
		}
	}
	SetKey(m, r.Stream.ID())
	return m
}

// subject returns the stream a message says it is about; empty if it says nothing.
func subject(m *message.Message) eventlog.Stream { return eventlog.Stream(m.Metadata.Get(ceSubject)) }

// read is the reverse of [Event]. What it refuses is [UnreadableError], for good.
func (v eventRegistry) read(m *message.Message) (r eventlog.Recorded, err error) {
	get := m.Metadata.Get
	for _, name := range []string{ceSpecVersion, ceID, ceSource, ceType, ceSubject, ceTime, ceStreamVersion, cePosition, contentType} {
		if get(name) == "" {
			return r, unreadable(MissingHeader, "header %s is missing", name)
		}
	}
	id, badID := uuid.Parse(get(ceID))
	at, badTime := time.Parse(time.RFC3339Nano, get(ceTime))
	version, badVersion := strconv.ParseInt(get(ceStreamVersion), 10, 64)
	position, badPosition := strconv.ParseInt(get(cePosition), 10, 64)
	r = eventlog.Recorded{
		ID: eventlog.EventID(id), Stream: subject(m), Version: eventlog.Version(version), Position: eventlog.Position(position),
		Type: get(ceType), Data: m.Payload, At: at,
		Meta: eventlog.Meta{Correlation: get(ceCorrelation), Causation: get(ceCausation), Trace: get(traceparent)},
	}
	switch {
	case get(ceSpecVersion) != specVersion:
		return r, unreadable(BadHeader, "CloudEvents %.40q is not known here", get(ceSpecVersion))
	case badID != nil:
		return r, unreadable(BadHeader, "%s %.40q is no UUID", ceID, get(ceID))
	case badTime != nil:
		return r, unreadable(BadHeader, "%s %.40q is no time", ceTime, get(ceTime))
	case badVersion != nil || version < 1:
		return r, unreadable(BadHeader, "%s %.40q is no version", ceStreamVersion, get(ceStreamVersion))
	case badPosition != nil || position < 1:
		return r, unreadable(BadHeader, "%s %.40q is no position", cePosition, get(cePosition))
	case !isJSON(get(contentType)):
		return r, unreadable(BadHeader, "the content is %.40q, not %s", get(contentType), jsonContent)
	case r.Stream.ID() == "" || len(r.Stream) > eventlog.MaxStreamBytes:
		return r, unreadable(BadHeader, "%s %.40q is no stream", ceSubject, r.Stream)
	case get(ceSource) != sourceRoot+r.Stream.Category():
		return r, unreadable(BadHeader, "%s %.40q is not of stream %.40q", ceSource, get(ceSource), r.Stream)
	case Key(m) != r.Stream.ID():
		return r, unreadable(WrongKey, "the key %.40q is not the id of stream %.40q", Key(m), r.Stream)
	}
	return r, v.check(r)
}

// isJSON reports whether a media type is JSON, whatever its parameters.
func isJSON(media string) bool {
	media, _, _ = strings.Cut(media, ";")
	return strings.EqualFold(strings.TrimSpace(media), jsonContent)
}
