package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"orderflow/cmd/orderflow/internal/client"
	"orderflow/domain"
)

// A client asks the API, over the network or, as here, a handler in the same process.
// A problem in the answer becomes an error with its kind.
func Example() {
	api := http.NewServeMux()
	api.HandleFunc("GET /v1/orders/ord_1", func(w http.ResponseWriter, _ *http.Request) {
		if err := json.NewEncoder(w).Encode(client.OrderView{OrderID: "ord_1", Customer: "ada", Status: "confirmed"}); err != nil {
			fmt.Println(err)
		}
	})
	api.HandleFunc("GET /v1/orders/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", client.ProblemJSON)
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"title":"Not found","status":404,"detail":"There is no such order."}`)
	})
	c := client.Client{Base: "http://in-process", HTTP: &http.Client{Transport: client.InProcess{Handler: api}}}

	var order client.OrderView
	err := c.Do(context.Background(), client.Request{Method: http.MethodGet, Path: client.OrderPath("ord_1")}, &order)
	fmt.Println(order.Customer, order.Status, err)
	err = c.Do(context.Background(), client.Request{Method: http.MethodGet, Path: client.OrderPath("ord_2")}, &order)
	fmt.Println(domain.KindOf(err) == domain.NotFound, err)
	// Output:
	// ada confirmed <nil>
	// true There is no such order.
}
