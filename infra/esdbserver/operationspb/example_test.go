package operationspb_test

import (
	"context"
	"fmt"

	"orderflow/infra/esdbserver/nodetest"
	"orderflow/infra/esdbserver/operationspb"
	"orderflow/infra/esdbserver/servers"
	"orderflow/infra/memory"
)

// The service Operations over a plain connection; package userclient is easier to use.
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
	begun, err := operationspb.NewOperationsClient(conn).StartScavenge(context.Background(), &operationspb.StartScavengeReq{Options: &operationspb.StartScavengeReq_Options{ThreadCount: 1}})
	fmt.Println(begun.GetScavengeResult(), begun.GetScavengeId() != "", err)
	// Output: Started true <nil>
}
