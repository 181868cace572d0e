package httpapi

import (
	"net/http"

	"github.com/go-chi/chi/v5"
)

// EmptyHandler does what the API does around a request and nothing else: the
// same router and guard, the same reading, strict decoding and checking of the
// body, and an answer without one. What placing and reading an order cost is
// measured against it.
func EmptyHandler(c Config) http.Handler {
	c.complete()
	s := &server{config: c}
	router := chi.NewRouter()
	s.guard = newGuard(c)
	router.Use(s.guard.wrap, headIsGet)
	router.Post("/v1/orders", func(w http.ResponseWriter, r *http.Request) {
		buf := s.bodies.get()
		defer s.bodies.put(buf)
		if err := s.bodies.read(w, r, buf); err != nil {
			s.fail(w, r, err)
			return
		}
		if _, err := readPlace(r.Context(), buf.Bytes()); err != nil {
			s.fail(w, r, err)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
	router.Get("/v1/orders/{id}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	return router
}
