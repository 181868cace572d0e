package strict_test

import (
	"context"
	"fmt"

	"orderflow/infra/esdbserver/nodetest"
	"orderflow/infra/esdbserver/servers"
	"orderflow/infra/esdbserver/strict"
	"orderflow/infra/memory"
)

// Each question is put to a server, and its answer compared with that of a real one.
func Example() {
	address, stop := nodetest.Start(memory.NewDense())
	defer stop()
	named, err := servers.Parse("esdb://" + address + "?tls=false")
	if err != nil {
		panic(err)
	}
	conn, err := named.Dial(address)
	if err != nil {
		panic(err)
	}
	defer func() { _ = conn.Close() }()
	first := strict.Questions()[0]
	answer, err := first.Put(context.Background(), conn)
	fmt.Println(first.Part, first.Fits(answer), err)
	// Output:
	// positions true <nil>
}
