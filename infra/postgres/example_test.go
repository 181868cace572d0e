package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"orderflow/infra/deploy/servicestest"
	"orderflow/infra/postgres"
)

// exampleURL names the server of the example: postgres://user:password@host/orderflow.
var exampleURL string

// A server has views, checkpoints, snapshots and leases. Each holder of a lease gets a
// greater token than the one before.
func Example() {
	ctx := context.Background()
	server, err := postgres.Open(ctx, postgres.Options{URL: exampleURL})
	if err != nil {
		panic(err)
	}
	leases, err := server.Leases(ctx)
	if err != nil {
		panic(err)
	}
	var last int64
	for range 2 {
		err := leases.Hold(ctx, "relay", func(_ context.Context, token int64) error {
			fmt.Println("greater:", token > last)
			last = token
			return nil
		})
		fmt.Println(err)
	}
	views, err := server.Views(ctx)
	if err != nil {
		panic(err)
	}
	_, err = views.Order(ctx, "ord_1")
	fmt.Println(err)
	fmt.Println(errors.Join(views.Close(), server.Close()))
}

func TestExample(t *testing.T) {
	exampleURL = servicestest.Postgres(t)
	servicestest.CheckOutput(t, Example, `
greater: true
<nil>
greater: true
<nil>
There is no order ord_1.
<nil>`)
}
