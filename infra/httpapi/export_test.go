package httpapi

import (
	"net/http"

	"github.com/go-chi/chi/v5"
)

// ServeWithoutRow puts a route on a router that no row of the table lets
// anybody use, by the gate or past it.
func ServeWithoutRow(pastTheGate bool) {
	router := chi.NewRouter()
	g := gate{server: &server{}, router: router, passed: map[string]bool{}}
	for route := range accessTable {
		g.passed[route] = true
	}
	nothing := func(http.ResponseWriter, *http.Request) {}
	if pastTheGate {
		router.Get("/v1/secrets", nothing)
		g.check()
		return
	}
	g.handle(http.MethodGet, "/v1/secrets", nothing)
}

// LeaveARowBehind checks a router that serves nothing against the table.
func LeaveARowBehind() {
	gate{server: &server{}, router: chi.NewRouter(), passed: map[string]bool{}}.check()
}
