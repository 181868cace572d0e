package conformance

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Event is an event of the populated data set, as a client is to read it.
type Event struct {
	ID          uuid.UUID
	Stream      string
	Revision    uint64
	Type        string
	ContentType string
	Data        []byte
	Metadata    []byte
	Position    uint64
	Created     time.Time
}

// The streams that the suite reads, as the server's authors filled them: event
// k of dataset20M-S has the type eventType-N with N = S + k modulo 200, written
// in blocks of 200. Positions were bytes in a file; an event took 145 to 157.
const (
	longStream, longEvents   = "dataset20M-0", 6_000
	shortStream, shortEvents = "dataset20M-1800", 2_000
	shortFirstType           = 1_800
	blockEvents              = 200

	longAt     = 108_819 // position of the first event of longStream
	longRestAt = 13_000_000
	longBlock  = 29_870 // bytes of a block of longStream
	shortEvent = 157    // bytes of an event of shortStream
)

// shortBlocksAt are the positions of the first two blocks and of the last of
// shortStream; those between lie anywhere.
func shortBlockAt(block uint64) uint64 {
	const first, second, last, blocks = 11_607_400, 11_763_616, 12_206_076, shortEvents / blockEvents
	if block == 0 {
		return first
	}
	return second + (block-1)*((last-second)/(blocks-2)) + (block/(blocks-1))*((last-second)%(blocks-2))
}

// Dataset rebuilds the populated data set in the order of positions: what the
// suite recorded of it, in the resources folder of the client's module, as it
// is, and the rest of the streams that the suite reads as far as it can be seen
// from there. Nothing of it is kept in this repository.
func Dataset(resources string) ([]Event, error) {
	known := map[uint64]Event{}
	for _, file := range []string{
		"all-e0-e10.json", "all-c1788-p1788.json", "all-back-c3386-p3386.json", "all-back-e0-e10.json",
		"dataset20M-1800-e0-e10.json", "dataset20M-1800-e1999-e1990.json",
	} {
		events, err := recorded(filepath.Join(resources, "test", file))
		if err != nil {
			return nil, err
		}
		for _, e := range events {
			known[e.Position] = e
		}
	}
	events := append(long(), short()...)
	for i, e := range events {
		if original, ok := known[e.Position]; ok {
			events[i] = original
			delete(known, e.Position)
		}
	}
	for _, e := range known {
		events = append(events, e)
	}
	byPosition := func(a, b Event) int { return cmp.Compare(a.Position, b.Position) }
	events = append(events, asked())
	slices.SortFunc(events, byPosition)
	events = append(events, gaps(events)...)
	slices.SortFunc(events, byPosition)
	date(events)
	return events, nil
}

// recorded reads one file of recorded events.
func recorded(path string) ([]Event, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file []struct {
		Event struct {
			StreamID       string
			StreamRevision struct{ Value uint64 }
			EventID        uuid.UUID
			EventType      string
			EventData      numbers
			UserMetadata   numbers
			ContentType    string
			Position       struct{ Commit uint64 }
			Created        struct{ Seconds, Nanos int64 }
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	events := make([]Event, len(file))
	for i, f := range file {
		e := f.Event
		events[i] = Event{
			ID: e.EventID, Stream: e.StreamID, Revision: e.StreamRevision.Value, Type: e.EventType, ContentType: e.ContentType,
			Data: []byte(e.EventData), Metadata: []byte(e.UserMetadata),
			Position: e.Position.Commit, Created: time.Unix(e.Created.Seconds, e.Created.Nanos).UTC(),
		}
	}
	return events, nil
}

// numbers are bytes that JSON holds as a list of numbers.
type numbers []byte

// UnmarshalJSON implements json.Unmarshaler.
func (n *numbers) UnmarshalJSON(text []byte) error {
	var list []uint16
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	*n = make(numbers, len(list))
	for i, b := range list {
		(*n)[i] = byte(b)
	}
	return nil
}

// filled is event k of a data set stream.
func filled(stream string, k uint64, number uint64, at uint64) Event {
	return Event{
		ID: identify(stream, k), Stream: stream, Revision: k, Type: fmt.Sprintf("eventType-%d", number), ContentType: "application/json",
		Data:     fmt.Appendf(nil, `{"somedata" : %d}`, number),
		Metadata: fmt.Appendf(nil, `{"metadata" : %d}`, number),
		Position: at,
	}
}

// long returns the events of longStream: its first 2,000 in one run, the others
// behind shortStream.
func long() (events []Event) {
	at := uint64(longAt)
	for k := range uint64(longEvents) {
		if k == shortEvents {
			at = longRestAt
		}
		number := k % blockEvents
		events = append(events, filled(longStream, k, number, at))
		at += 145 + 3*uint64(len(fmt.Sprint(number))-1) // its digits stand in type, data and metadata
	}
	return events
}

func short() (events []Event) {
	for k := range uint64(shortEvents) {
		at := shortBlockAt(k/blockEvents) + k%blockEvents*shortEvent
		events = append(events, filled(shortStream, k, shortFirstType+k%blockEvents, at))
	}
	return events
}

// askedAt is a position that the suite reads from and of which it recorded only
// what lies below: a server refuses numbers that are no positions, so a record
// was there.
const askedAt = 3_386

// asked returns an event at askedAt, of a stream that nothing else is in.
func asked() Event {
	e := filled("asked", 0, 0, askedAt)
	e.Type = "asked"
	return e
}

// gapsAt is where the events begin that the recorded ones imply: behind all
// data, before the recorded end.
const gapsAt = 19_000_000

// gaps returns the events that must have been there, because those of a higher
// revision of the same stream were recorded.
func gaps(events []Event) (missing []Event) {
	next, at := map[string]uint64{}, uint64(gapsAt)
	for _, e := range events {
		for ; next[e.Stream] < e.Revision; next[e.Stream]++ {
			k := next[e.Stream]
			missing = append(missing, Event{
				ID: identify(e.Stream, k), Stream: e.Stream, Revision: k, Type: e.Type, ContentType: e.ContentType,
				Data: []byte("{}"), Position: at,
			})
			at += blockEvents
		}
		next[e.Stream]++
	}
	return missing
}

// date gives those without a date the date of the event before.
func date(events []Event) {
	for i := range events {
		if events[i].Created.IsZero() && i > 0 {
			events[i].Created = events[i-1].Created
		}
	}
}

// identify derives the id of an event whose own is not known.
func identify(stream string, k uint64) uuid.UUID {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d", stream, k))
	id := uuid.UUID(sum[:16])
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // version 8 of RFC 9562
	return id
}
