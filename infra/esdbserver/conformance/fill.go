package conformance

import (
	"context"
	"fmt"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
)

const (
	// fillWait bounds the filling of a node.
	fillWait = 2 * time.Minute
	// fillEvents bounds one append: a block of the data set.
	fillEvents = blockEvents
)

// Fill appends events to the node behind a connection string, in their order
// and with their ids. Their positions and times are for the node to give.
func Fill(ctx context.Context, connection string, events []Event) (err error) {
	ctx, cancel := context.WithTimeout(ctx, fillWait)
	defer cancel()
	configuration, err := esdb.ParseConnectionString(connection)
	if err != nil {
		return err
	}
	client, err := esdb.NewClient(configuration)
	if err != nil {
		return err
	}
	defer func() {
		if closing := client.Close(); err == nil {
			err = closing
		}
	}()
	for len(events) > 0 {
		n := 1
		for n < min(len(events), fillEvents) && events[n].Stream == events[0].Stream {
			n++
		}
		batch := make([]esdb.EventData, n)
		for i, e := range events[:n] {
			batch[i] = esdb.EventData{EventID: e.ID, EventType: e.Type, Data: e.Data, Metadata: e.Metadata}
			if e.ContentType == "application/json" {
				batch[i].ContentType = esdb.ContentTypeJson
			}
		}
		// The node may have events of its own in some of these streams.
		if _, err := client.AppendToStream(ctx, events[0].Stream, esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, batch...); err != nil {
			return fmt.Errorf("append to %s at %d: %w", events[0].Stream, events[0].Revision, err)
		}
		events = events[n:]
	}
	return nil
}
