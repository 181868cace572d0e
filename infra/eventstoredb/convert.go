package eventstoredb

import (
	"math"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// recorded converts an event of the server to one of the log.
func recorded(e *esdb.RecordedEvent) (eventlog.Recorded, error) {
	at, err := position(e.Position.Commit)
	if err != nil {
		return eventlog.Recorded{}, err
	}
	version := eventlog.Version(math.MaxInt64) // of a tombstone, whose number is above all
	switch {
	case e.EventNumber < math.MaxInt64:
		version = eventlog.Version(e.EventNumber) + 1
	case e.EventNumber > math.MaxInt64 || e.EventType != typeTombstone:
		return eventlog.Recorded{}, domain.Errorf(domain.Internal, "The event at position %d has event number %d, which is out of range.", at, e.EventNumber)
	}
	meta, _ := eventlog.DecodeMeta(e.UserMetadata) // what other programs wrote there is theirs
	return eventlog.Recorded{
		ID: eventlog.EventID(e.EventID), Stream: eventlog.Stream(e.StreamID), Version: version,
		Position: at, Type: e.EventType, Data: e.Data, Meta: meta, At: meta.FirstRecorded(e.CreatedDate.UTC()),
	}, nil
}

// position returns a commit position as one of the log. Servers before 22.6 send
// none for events of a stream; that is an error.
func position(commit uint64) (eventlog.Position, error) {
	if commit > math.MaxInt64 {
		return 0, domain.Errorf(domain.Internal, "EventStoreDB sent an event of a stream without its position in the log; version 22.6 or later is required.")
	}
	return eventlog.Position(commit), nil
}

// from returns the position to read or to subscribe from.
func from(at uint64) esdb.AllPosition {
	if at == 0 {
		return esdb.Start{}
	}
	return esdb.Position{Commit: at, Prepare: at}
}
