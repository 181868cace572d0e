package main

import (
	"encoding/json"
	"net/http"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/projections"
)

// The paths of administration on the private listener. Only this program asks
// there; the answers are projections' own types as JSON.
const (
	adminStatus  = "/admin/projections"
	adminRebuild = "/admin/projections/{group}/rebuild"
	adminVerify  = "/admin/projections/{group}/verify"
	adminReplay  = "/admin/audit/replay"
)

// adminError is how an error crosses the private listener.
type adminError struct {
	Kind domain.Kind `json:"kind"`
	Text string      `json:"text"`
}

// privateHandler serves metrics, profiles and administration. A page in a
// browser of this machine must not be able to start a rebuild, so requests
// from other origins are refused.
func (a *App) privateHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /", a.metrics.Load().Handler())
	mux.HandleFunc("GET "+adminStatus, func(w http.ResponseWriter, r *http.Request) {
		answer(w, func() (any, error) { return a.Runner.Status(r.Context()) })
	})
	mux.HandleFunc("POST "+adminRebuild, func(w http.ResponseWriter, r *http.Request) {
		answer(w, func() (any, error) { return a.Runner.Rebuild(r.Context(), r.PathValue("group"), ignore) })
	})
	mux.HandleFunc("POST "+adminVerify, func(w http.ResponseWriter, r *http.Request) {
		answer(w, func() (any, error) { return a.Runner.Verify(r.Context(), r.PathValue("group"), ignore) })
	})
	mux.HandleFunc("POST "+adminReplay, func(w http.ResponseWriter, r *http.Request) {
		answer(w, func() (any, error) { return replay(r.Context(), a.Log, func(eventlog.Position) {}) })
	})
	return http.NewCrossOriginProtection().Handler(mux)
}

func ignore(projections.Progress) {}

// answer writes what ask returns; work on the whole log outlasts the server's
// limit on writing, which is therefore lifted.
func answer(w http.ResponseWriter, ask func() (any, error)) {
	_ = http.NewResponseController(w).SetWriteDeadline(noDeadline())
	w.Header().Set("Content-Type", "application/json")
	v, err := ask()
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		v = adminError{domain.KindOf(err), err.Error()}
	}
	_ = json.NewEncoder(w).Encode(v) // whoever asked is gone
}
