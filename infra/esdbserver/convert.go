package esdbserver

import (
	"encoding/binary"
	"math"
	"strconv"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/internal/engine"
)

// Limits of names that clients may give.
const (
	// maxStreamBytes is what a log takes. What the node puts around a name has
	// to fit as well, so the longest names can have no metadata and no groups.
	maxStreamBytes = int(eventlog.LongNames)
	maxTypeBytes   = int(eventlog.LongNames)
)

// The content types that the protocol knows.
const (
	contentJSON   = "application/json"
	contentBinary = "application/octet-stream"
)

// structured returns an id as two numbers.
func structured(id eventlog.EventID) *shared.UUID {
	return &shared.UUID{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{
		MostSignificantBits:  int64(binary.BigEndian.Uint64(id[:8])),
		LeastSignificantBits: int64(binary.BigEndian.Uint64(id[8:])),
	}}}
}

// idForm writes ids as a client wants them.
type idForm func(eventlog.EventID) *shared.UUID

func textual(id eventlog.EventID) *shared.UUID {
	return &shared.UUID{Value: &shared.UUID_String_{String_: uuid.UUID(id).String()}}
}

// parseID reads an id in either form.
func parseID(u *shared.UUID) (id eventlog.EventID, err error) {
	switch v := u.GetValue().(type) {
	case *shared.UUID_Structured_:
		binary.BigEndian.PutUint64(id[:8], uint64(v.Structured.GetMostSignificantBits()))
		binary.BigEndian.PutUint64(id[8:], uint64(v.Structured.GetLeastSignificantBits()))
		return id, nil
	case *shared.UUID_String_:
		parsed, err := uuid.Parse(v.String_)
		if err != nil {
			return id, invalid("An id is not a UUID.")
		}
		return eventlog.EventID(parsed), nil
	}
	return id, nil
}

// streamName reads the name of a stream.
func streamName(id *shared.StreamIdentifier) (string, error) {
	name := string(id.GetStreamName())
	switch {
	case name == "" || name == "$$":
		return "", invalid("A stream has a name, and it is not $$.")
	case len(name) > maxStreamBytes:
		return "", invalid("The name of a stream has at most " + strconv.Itoa(maxStreamBytes) + " bytes, not " + strconv.Itoa(len(name)) + ".")
	}
	return name, nil
}

func identifier(stream string) *shared.StreamIdentifier {
	return &shared.StreamIdentifier{StreamName: []byte(stream)}
}

// ticks returns the protocol's units of time: 100 ns since 1970.
func ticks(t time.Time) int64 {
	const tick = 100 * time.Nanosecond
	return t.Unix()*int64(time.Second/tick) + int64(t.Nanosecond())/int64(tick)
}

// revision reads the number of an event; 2^64-1 stands for -1.
func revision(n uint64) (int64, error) {
	switch {
	case n == math.MaxUint64:
		return -1, nil
	case n > math.MaxInt64:
		return 0, invalid("A revision is at most 2^63-1.")
	}
	return int64(n), nil
}

// recordedEvent returns an event as clients read it.
func (s *Server) recordedEvent(e *engine.Event, form idForm) *streams.ReadResp_ReadEvent_RecordedEvent {
	if e == nil {
		return nil
	}
	content := contentBinary
	if e.JSON {
		content = contentJSON
	}
	at := s.options.Positions.Outward(e.Position)
	return &streams.ReadResp_ReadEvent_RecordedEvent{
		Id: form(e.ID), StreamIdentifier: identifier(e.Stream), StreamRevision: uint64(e.Number),
		CommitPosition: at, PreparePosition: at,
		Metadata:       map[string]string{"type": e.Type, "created": strconv.FormatInt(ticks(e.Created), 10), "content-type": content},
		CustomMetadata: e.Metadata, Data: e.Data,
	}
}

// readEvent returns a message with an event, and the link that led to it.
func (s *Server) readEvent(r engine.Resolved, form idForm) *streams.ReadResp {
	return &streams.ReadResp{Content: &streams.ReadResp_Event{Event: &streams.ReadResp_ReadEvent{
		Event: s.recordedEvent(r.Event, form), Link: s.recordedEvent(r.Link, form),
		Position: &streams.ReadResp_ReadEvent_CommitPosition{CommitPosition: s.options.Positions.Outward(r.Original().Position)},
	}}}
}

// proposedMessage is the part that both append requests share.
type proposedMessage interface {
	GetId() *shared.UUID
	GetMetadata() map[string]string
	GetCustomMetadata() []byte
	GetData() []byte
}

// requiredError says that required properties are missing.
type requiredError struct{ properties string }

func (e *requiredError) Error() string {
	return "Required Metadata Property '" + e.properties + "' not found."
}

// proposed reads an event that is to be appended.
func proposed(m proposedMessage) (engine.Proposed, error) {
	properties := m.GetMetadata()
	name, ok := properties["type"]
	content, ok2 := properties["content-type"]
	if !ok || !ok2 {
		return engine.Proposed{}, &requiredError{"type,content-type"}
	}
	id, err := parseID(m.GetId())
	switch {
	case err != nil:
		return engine.Proposed{}, err
	case id == eventlog.EventID{} || name == "":
		return engine.Proposed{}, thrown()
	case len(name) > maxTypeBytes:
		return engine.Proposed{}, invalid("An event's type has at most " + strconv.Itoa(maxTypeBytes) + " bytes.")
	}
	return engine.Proposed{ID: id, Type: name, JSON: content == contentJSON, Data: m.GetData(), Metadata: m.GetCustomMetadata()}, nil
}
