package userclient_test

import (
	"context"
	"fmt"

	"orderflow/infra/esdbserver/nodetest"
	"orderflow/infra/esdbserver/userclient"
	"orderflow/infra/memory"
)

// An administrator makes a user that may read $all.
func Example() {
	ctx := context.Background()
	address, stop := nodetest.Start(memory.NewDense())
	defer stop()
	admin, err := userclient.Open("esdb://" + address + "?tls=false")
	if err != nil {
		panic(err)
	}
	defer func() { _ = admin.Close() }()
	fmt.Println(admin.Add(ctx, userclient.User{Login: "orderflow"}, "secret"))
	fmt.Println(admin.Grant(ctx, "orderflow"))
	users, err := admin.List(ctx)
	for _, u := range users {
		fmt.Println(u.Login, u.Groups, u.Disabled, err)
	}
	// Output:
	// <nil>
	// true <nil>
	// admin [$admins] false <nil>
	// ops [$ops] false <nil>
	// orderflow [] false <nil>
}
