package esdbserver_test

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"orderflow/infra/esdbserver"
	"orderflow/infra/memory"
)

// A node serves any log; a client of EventStoreDB works on it.
func Example() {
	ctx := context.Background()
	node, err := esdbserver.New(ctx, esdbserver.Options{Log: memory.NewDense(), Insecure: true})
	ok(err)
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	ok(err)
	served := make(chan error, 1)
	go func() { served <- node.Serve(listener) }()

	settings, err := esdb.ParseConnectionString("esdb://" + listener.Addr().String() + "?tls=false")
	ok(err)
	settings.Logger = esdb.NoopLogging()
	client, err := esdb.NewClient(settings)
	ok(err)
	_, err = client.AppendToStream(ctx, "note-1", esdb.AppendToStreamOptions{}, esdb.EventData{EventType: "noted", ContentType: esdb.ContentTypeJson, Data: []byte(`"kept"`)})
	ok(err)
	stream, err := client.ReadStream(ctx, "note-1", esdb.ReadStreamOptions{}, 10)
	ok(err)
	event, err := stream.Recv()
	ok(err)
	fmt.Println(event.OriginalEvent().EventNumber, string(event.OriginalEvent().Data))
	stream.Close()
	fmt.Println(errors.Join(client.Close(), node.Close(), <-served))
	// Output:
	// 0 "kept"
	// <nil>
}

func ok(err error) {
	if err != nil {
		panic(err)
	}
}
