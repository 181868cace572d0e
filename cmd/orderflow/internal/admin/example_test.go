package admin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"

	"orderflow/cmd/orderflow/internal/admin"
	"orderflow/domain"
	"orderflow/projections"
)

// The client of administration asks a server; an error keeps its kind on the way.
func Example() {
	server := http.NewServeMux()
	server.HandleFunc("GET "+admin.StatusPath, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, []projections.Status{{Group: projections.Orders, State: projections.Following, Position: 42}})
	})
	server.HandleFunc("POST "+admin.RebuildPath, func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusNotFound, admin.Error{Kind: domain.NotFound, Text: "There is no view group " + r.PathValue("group") + "."})
	})
	running := httptest.NewServer(server)
	defer running.Close()

	c := admin.New(running.URL)
	groups, err := c.Status(context.Background())
	fmt.Println(groups[0].Group, groups[0].Position, err)
	_, err = c.Rebuild(context.Background(), "sales", nil)
	fmt.Println(domain.KindOf(err) == domain.NotFound, err)
	// Output:
	// orders 42 <nil>
	// true There is no view group sales.
}

func answer(w http.ResponseWriter, status int, body any) {
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		panic(err)
	}
}
