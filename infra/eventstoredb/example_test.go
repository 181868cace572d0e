package eventstoredb_test

import (
	"context"
	"fmt"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/nodetest"
	"orderflow/infra/eventstoredb"
	"orderflow/infra/memory"
)

// The log in an EventStoreDB is an eventlog.Store as any other.
func Example() {
	ctx := context.Background()
	address, stop := nodetest.Start(memory.NewDense())
	defer stop()
	log, err := eventstoredb.Open("esdb://"+address+"?tls=false", eventstoredb.Options{})
	if err != nil {
		panic(err)
	}
	const stream eventlog.Stream = "note-1"
	for _, command := range []string{"command-1", "command-1", "command-2"} {
		done, err := log.Append(ctx, stream, 0, eventlog.Pending{ID: eventlog.NewEventID(command, stream, 0), Type: "note.noted.v1", Data: []byte("{}")})
		fmt.Println("version", done.Version, "conflict", domain.KindOf(err) == domain.Conflict && err != nil)
	}
	fmt.Println(log.Close())
	// Output:
	// version 1 conflict false
	// version 1 conflict false
	// version 0 conflict true
	// <nil>
}
