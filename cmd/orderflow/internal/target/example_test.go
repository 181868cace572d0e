package target_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"

	"orderflow/cmd/orderflow/internal/client"
	"orderflow/cmd/orderflow/internal/target"
	"orderflow/domain"
)

// A subcommand says what it does with a client; the target decides whether a server or
// a data directory answers.
func Example() {
	ctx, logger := context.Background(), slog.New(slog.DiscardHandler)
	dir, err := os.MkdirTemp("", "target")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	t := target.Target{Source: target.Source{Data: filepath.Join(dir, "shop")}}
	list := func(ctx context.Context, c *client.Client) error {
		var page client.Page[client.ProductView]
		err := c.Do(ctx, client.Request{Method: http.MethodGet, Path: "/v1/products"}, &page)
		fmt.Println(len(page.Items), "products")
		return err
	}
	err = t.With(ctx, logger, list)
	fmt.Println("no log there:", domain.KindOf(err) == domain.Invalid || domain.KindOf(err) == domain.NotFound)
	fmt.Println(t.Beginning().With(ctx, logger, list))
	// Output:
	// no log there: true
	// 0 products
	// <nil>
}
