package servers_test

import (
	"context"
	"fmt"

	"orderflow/domain"
	"orderflow/infra/esdbserver/fitness"
	"orderflow/infra/esdbserver/nodetest"
	"orderflow/infra/esdbserver/servers"
	"orderflow/infra/memory"
)

// A connection string names servers and keeps its password to itself.
func Example() {
	address, stop := nodetest.Start(memory.NewDense())
	defer stop()
	named, err := servers.Parse("esdb://ada:secret@" + address + "?tls=false")
	fmt.Println(named.Addresses[0] == address, named.Name() == address, named.Login, err)
	_, err = servers.Parse("http://ada:secret@" + address)
	fmt.Println(domain.KindOf(err) == domain.Invalid)

	conn, err := named.Dial(named.Addresses[0])
	if err != nil {
		panic(err)
	}
	defer func() { _ = conn.Close() }()
	version, _, err := fitness.Version(context.Background(), conn)
	fmt.Println(version, err)
	// Output:
	// true true ada <nil>
	// true
	// 24.10.0 <nil>
}
