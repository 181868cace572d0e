package groups_test

import (
	"context"
	"fmt"
	"log"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/internal/engine"
	"orderflow/infra/esdbserver/internal/groups"
	"orderflow/infra/memory"
)

// A group hands out the events of a stream and remembers what was acknowledged.
func Example() {
	ctx := context.Background()
	node := engine.New(memory.NewDense(), engine.Options{})
	defer node.Close()
	all, err := groups.Open(ctx, node, groups.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer all.Close()

	billing := groups.Key{Stream: "orders", Group: "billing"}
	if err := all.Create(ctx, "me", billing, groups.Settings{Strategy: groups.RoundRobin, HistoryBuffer: 500, LiveBuffer: 500, ReadBatch: 20}); err != nil {
		log.Fatal(err)
	}
	client, err := all.Connect(ctx, billing, groups.Peer{}, 10)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	if _, err := node.Append(ctx, engine.Write{Stream: "orders", Expected: engine.Any, Events: []engine.Proposed{
		{ID: eventlog.EventID{1}, Type: "placed", Data: []byte("one order")},
	}}); err != nil {
		log.Fatal(err)
	}
	delivery := <-client.Deliveries()
	fmt.Printf("%s, try %d\n", delivery.Event.Resolved.Event.Data, delivery.Retries+1)
	if err := client.Ack(ctx, []eventlog.EventID{delivery.Event.ID}); err != nil {
		log.Fatal(err)
	}
	// Output: one order, try 1
}
