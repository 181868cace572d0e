package eventstoredb

import (
	"math"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// recorded is an event of the server as one of the log.
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
		return eventlog.Recorded{}, domain.Errorf(domain.Internal, "The event at position %d has the number %d, which is none of a stream.", at, e.EventNumber)
	}
	meta, _ := eventlog.DecodeMeta(e.UserMetadata) // what other programs wrote there is theirs
	return eventlog.Recorded{
		ID: eventlog.EventID(e.EventID), Stream: eventlog.Stream(e.StreamID), Version: version,
		Position: at, Type: e.EventType, Data: e.Data, Meta: meta, At: meta.FirstRecorded(e.CreatedDate.UTC()),
	}, nil
}

// position refuses what servers before 22.6 send for an event of a stream.
func position(commit uint64) (eventlog.Position, error) {
	if commit > math.MaxInt64 {
		return 0, domain.Errorf(domain.Internal, "EventStoreDB does not say where in the log an event is; a version from 22.6 on is needed.")
	}
	return eventlog.Position(commit), nil
}

// from is where to read or to subscribe from.
func from(at uint64) esdb.AllPosition {
	if at == 0 {
		return esdb.Start{}
	}
	return esdb.Position{Commit: at, Prepare: at}
}
