package fitness_test

import (
	"context"
	"fmt"
	"time"

	"orderflow/infra/esdbserver/fitness"
	"orderflow/infra/esdbserver/nodetest"
	"orderflow/infra/esdbserver/servers"
	"orderflow/infra/memory"
)

// A server is looked at before a system is moved to it.
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
	server := fitness.Server{Conn: conn, Stream: "orderflow_check-1", Categories: []string{"order"}, Now: time.Now}
	for _, f := range server.Look(context.Background()) {
		fmt.Println(f.Subject, f.State)
	}
	// Output:
	// read $all fits
	// append fits
	// append to orders fits
	// largest append fits
	// clock fits
	// projections fits
	// delete fits
}
