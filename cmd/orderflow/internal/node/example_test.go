package node_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"

	"orderflow/cmd/orderflow/internal/client"
	"orderflow/cmd/orderflow/internal/node"
	"orderflow/domain"
)

// A node is a value: New opens it, While runs it beside a function, Close lets go.
// Without addresses it listens on nothing, and its API is used in process.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "node")
	check(err)
	defer func() { _ = os.RemoveAll(dir) }()
	app, err := node.New(ctx, node.Config{Data: dir}, slog.New(slog.DiscardHandler))
	check(err)

	check(app.While(ctx, func(ctx context.Context) error {
		c := app.Client()
		check(c.Do(ctx, client.Request{Method: http.MethodPost, Path: "/v1/products", Body: client.ProductBody{SKU: "TEA-1", Name: "Tea", Price: domain.GBP(450)}}, nil))
		check(app.AwaitViews(ctx))
		var tea client.ProductView
		check(c.Do(ctx, client.Request{Method: http.MethodGet, Path: client.ProductPath("TEA-1")}, &tea))
		fmt.Println(tea.Name, tea.Listed)
		return nil
	}))
	fmt.Println(app.Close())
	// Output:
	// Tea true
	// <nil>
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
