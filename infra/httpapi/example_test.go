package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"orderflow/commands"
	"orderflow/infra/httpapi"
	"orderflow/infra/memory"
	"orderflow/infra/sqlite"
	"orderflow/projections"
)

// The API takes commands for a bus and answers queries from views. A query that carries
// the position of a write sees what was written.
func Example() {
	log := memory.New()
	bus := commands.NewLocalSingleWriter(log, nil)
	defer bus.Close()
	dir, err := os.MkdirTemp("", "views")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	views, err := sqlite.Open(context.Background(), dir, nil)
	if err != nil {
		panic(err)
	}
	defer func() { _ = views.Close() }()
	runner := projections.NewRunner(projections.Config{Log: log, Views: views})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- runner.Run(ctx) }()
	api := httpapi.New(httpapi.Config{
		Bus: bus, Log: log, Await: runner.Await, Changes: runner.Changes(),
		Views: views,
	})

	ask := func(method, path, body string) (answer struct {
		Name, Title string
		Position    int64
	},
	) {
		request := httptest.NewRequestWithContext(context.Background(), method, path, strings.NewReader(body))
		request.Header.Set("Content-Type", "application/json")
		recorder := httptest.NewRecorder()
		api.ServeHTTP(recorder, request)
		fmt.Println(method, recorder.Code)
		if err := json.Unmarshal(recorder.Body.Bytes(), &answer); err != nil {
			panic(err)
		}
		return answer
	}
	written := ask(http.MethodPost, "/v1/products", `{"sku":"TEA-1","name":"Tea","price":{"minor":450,"currency":"GBP"}}`)
	fmt.Println(ask(http.MethodGet, fmt.Sprintf("/v1/products/TEA-1?position=%d", written.Position), "").Name)
	fmt.Println(ask(http.MethodGet, "/v1/orders/ord_unknown", "").Title)
	stop()
	fmt.Println(<-ended)
	// Output:
	// POST 201
	// GET 200
	// Tea
	// GET 404
	// Not found
	// <nil>
}
