package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/projections"
)

// The paths of administration. Only this program asks there; the answers are
// projections' own types as JSON.
const (
	adminRoot    = "/admin/"
	adminStatus  = "/admin/projections"
	adminRebuild = "/admin/projections/{group}/rebuild"
	adminVerify  = "/admin/projections/{group}/verify"
	adminReplay  = "/admin/audit/replay"
	adminLog     = "/admin/log/verify"
	adminBackup  = "/admin/log/backup" // ?to=, a data directory on the machine of the server
)

// adminError is how an error of administration is answered.
type adminError struct {
	Kind domain.Kind `json:"kind"`
	Text string      `json:"text"`
}

// publicHandler serves the API and administration: to everybody where callers
// are not told apart, which is on this machine only, and else to admins.
func (a *App) publicHandler() http.Handler {
	administration := adminsOnly(a.adminHandler())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, adminRoot) {
			administration.ServeHTTP(w, r)
			return
		}
		a.API.ServeHTTP(w, r)
	})
}

// adminHandler serves administration. A page in a browser of this machine must
// not be able to start a rebuild, so requests from other origins are refused.
func (a *App) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+adminStatus, func(w http.ResponseWriter, r *http.Request) {
		answer(w, func() (any, error) { return a.Follows.Status(r.Context()) })
	})
	mux.HandleFunc("POST "+adminRebuild, func(w http.ResponseWriter, r *http.Request) {
		answer(w, func() (any, error) { return a.Runner.Rebuild(r.Context(), r.PathValue("group"), ignore) })
	})
	mux.HandleFunc("POST "+adminVerify, func(w http.ResponseWriter, r *http.Request) {
		answer(w, func() (any, error) { return a.Runner.Verify(r.Context(), r.PathValue("group"), ignore) })
	})
	mux.HandleFunc("POST "+adminReplay, func(w http.ResponseWriter, r *http.Request) {
		answer(w, func() (any, error) { return replay(r.Context(), a.Log, func(eventlog.Position, int64) {}) })
	})
	mux.HandleFunc("POST "+adminLog, func(w http.ResponseWriter, r *http.Request) {
		answer(w, func() (any, error) { return a.verifyLog(r.Context()) })
	})
	mux.HandleFunc("POST "+adminBackup, func(w http.ResponseWriter, r *http.Request) {
		answer(w, func() (any, error) { return backUp(r.Context(), a.Log, r.URL.Query().Get("to")) })
	})
	return http.NewCrossOriginProtection().Handler(mux)
}

func ignore(projections.Progress) {}

// answer writes what ask returns. Work on the whole log outlasts the server's
// limits on reading and writing, which are therefore lifted.
func answer(w http.ResponseWriter, ask func() (any, error)) {
	limits := http.NewResponseController(w)
	_ = limits.SetReadDeadline(time.Time{}) // past it the request would count as given up
	_ = limits.SetWriteDeadline(time.Time{})
	w.Header().Set("Content-Type", "application/json")
	v, err := ask()
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		v = adminError{domain.KindOf(err), err.Error()}
	}
	_ = json.NewEncoder(w).Encode(v) // whoever asked is gone
}
