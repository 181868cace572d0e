package groups

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/internal/engine"
)

// The other events that a group stores.
const (
	checkpointType = "$SubscriptionCheckpoint"
	// checkpointMaxCount is how many checkpoints are kept.
	checkpointMaxCount = 2
)

func encodeCheckpoint(p Place, all bool) []byte {
	data, err := json.Marshal(p.Text(all))
	if err != nil {
		return nil // a text can always be written
	}
	return data
}

// decodeCheckpoint reads what [encodeCheckpoint] writes, and the bare number
// that old versions of EventStoreDB wrote.
func decodeCheckpoint(data []byte, all bool) (Place, error) {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		var n json.Number
		if json.Unmarshal(data, &n) != nil {
			return Nowhere, fmt.Errorf("the checkpoint %.60q cannot be read: %w", data, err)
		}
		text = n.String()
	}
	p, err := ParsePlace(text, all)
	if err != nil {
		return Nowhere, fmt.Errorf("the checkpoint cannot be read: %w", err)
	}
	return p, nil
}

// parkedMetadata is the metadata of a parked link. EventStoreDB has
// the first three; the number is the event's in the stream it is in.
type parkedMetadata struct {
	Added                   time.Time `json:"added"`
	Reason                  string    `json:"reason"`
	SubscriptionEventNumber int64     `json:"subscriptionEventNumber"`

	// SubscriptionPosition is the [Place] of the event.
	SubscriptionPosition *int64 `json:"subscriptionPosition,omitempty"`
}

// parkedLink returns the event that parks another one. It points to the event
// itself, or to whatever an event points to that is a link to nothing.
func parkedLink(id eventlog.EventID, p Park, at time.Time) (engine.Proposed, error) {
	place := int64(p.Event.Place)
	metadata, err := json.Marshal(parkedMetadata{
		Added: at.UTC(), Reason: validText(p.Reason),
		SubscriptionEventNumber: p.Event.Resolved.Original().Number, SubscriptionPosition: &place,
	})
	target := p.Event.Resolved.Event
	if target == nil {
		return engine.Proposed{ID: id, Type: engine.LinkType, Data: p.Event.Resolved.Link.Data, Metadata: metadata}, err
	}
	return engine.Proposed{ID: id, Type: engine.LinkType, Data: engine.Link(target), Metadata: metadata}, err
}

// parkedPlace returns the place of a parked event in what its group reads; [Nowhere]
// if the link does not say.
func parkedPlace(metadata []byte) Place {
	var m parkedMetadata
	if json.Unmarshal(metadata, &m) != nil || m.SubscriptionPosition == nil {
		return Nowhere
	}
	return max(Place(*m.SubscriptionPosition), Nowhere)
}

// validText drops the rune that a limit may have cut in two.
func validText(s string) string {
	for n := 0; n < utf8.UTFMax && len(s) > 0 && !utf8.ValidString(s); n++ {
		s = s[:len(s)-1]
	}
	return s
}

// metadataEvent sets the metadata of a stream.
func metadataEvent(format string, args ...any) engine.Proposed {
	return engine.Proposed{ID: newID(), Type: engine.MetadataType, JSON: true, Data: fmt.Appendf(nil, format, args...)}
}

// newID makes a version 4 UUID.
func newID() (id eventlog.EventID) {
	_, _ = rand.Read(id[:]) // never fails
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return id
}
