package edge_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"orderflow/commands"
	"orderflow/infra/edge"
)

// Behind the edge every request has a caller; without a good token it does not get there.
func Example() {
	dir, err := os.MkdirTemp("", "edge")
	check(err)
	defer func() { _ = os.RemoveAll(dir) }()
	issuer, err := edge.OpenDevIssuer(dir)
	check(err)
	guard, err := edge.New(context.Background(), edge.Options{
		Dev: issuer,
		Refuse: func(w http.ResponseWriter, problem, _ string, _ int) {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, problem)
		},
	})
	check(err)
	defer func() { _ = guard.Close() }()
	api := guard.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, _ := commands.CallerOf(r.Context())
		fmt.Fprint(w, caller.Customer)
	}))

	token, err := issuer.Token("ada@example.com", "ada", []string{commands.ScopeOrders}, time.Hour)
	check(err)
	for _, authorization := range []string{"Bearer " + token, "Bearer forged"} {
		request := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/v1/orders", nil)
		request.Header.Set("Authorization", authorization)
		answer := httptest.NewRecorder()
		api.ServeHTTP(answer, request)
		fmt.Println(answer.Code, answer.Body)
	}
	// Output:
	// 200 ada
	// 401 unauthenticated
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
