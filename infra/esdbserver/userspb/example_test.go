package userspb_test

import (
	"context"
	"fmt"

	"orderflow/infra/esdbserver/nodetest"
	"orderflow/infra/esdbserver/servers"
	"orderflow/infra/esdbserver/userspb"
	"orderflow/infra/memory"
)

// The service Users over a plain connection; package userclient is easier to use.
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
	users := userspb.NewUsersClient(conn)
	_, err = users.Create(context.Background(), &userspb.CreateReq{Options: &userspb.CreateReq_Options{LoginName: "ada", Password: "secret", FullName: "Ada"}})
	fmt.Println(err)
	details, err := users.Details(context.Background(), &userspb.DetailsReq{Options: &userspb.DetailsReq_Options{LoginName: "ada"}})
	if err != nil {
		panic(err)
	}
	answer, err := details.Recv()
	fmt.Println(answer.GetUserDetails().GetFullName(), err)
	// Output:
	// <nil>
	// Ada <nil>
}
