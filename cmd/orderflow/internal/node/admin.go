package node

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"orderflow/cmd/orderflow/internal/admin"
	"orderflow/cmd/orderflow/internal/audit"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/projections"
)

// publicHandler serves the API and administration: to everybody where callers
// are not told apart, which is on this machine only, and else to admins.
func (a *App) publicHandler() http.Handler {
	administration := adminsOnly(a.adminHandler())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, admin.Root) {
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
	mux.HandleFunc("GET "+admin.StatusPath, func(w http.ResponseWriter, r *http.Request) {
		answer(w, func() (any, error) { return a.ViewProgress.Status(r.Context()) })
	})
	mux.HandleFunc("POST "+admin.RebuildPath, func(w http.ResponseWriter, r *http.Request) {
		answer(w, func() (any, error) { return a.Runner.Rebuild(r.Context(), r.PathValue("group"), ignore) })
	})
	mux.HandleFunc("POST "+admin.VerifyPath, func(w http.ResponseWriter, r *http.Request) {
		answer(w, func() (any, error) { return a.Runner.Verify(r.Context(), r.PathValue("group"), ignore) })
	})
	mux.HandleFunc("POST "+admin.ReplayPath, func(w http.ResponseWriter, r *http.Request) {
		answer(w, func() (any, error) { return audit.Replay(r.Context(), a.Log, func(eventlog.Position, int64) {}) })
	})
	mux.HandleFunc("POST "+admin.LogPath, func(w http.ResponseWriter, r *http.Request) {
		answer(w, func() (any, error) { return a.verifyLog(r.Context()) })
	})
	mux.HandleFunc("POST "+admin.BackupPath, func(w http.ResponseWriter, r *http.Request) {
		answer(w, func() (any, error) { return BackUp(r.Context(), a.Log, r.URL.Query().Get("to")) })
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
		v = admin.Error{Kind: domain.KindOf(err), Text: err.Error()}
	}
	_ = json.NewEncoder(w).Encode(v) // an error means that the client is gone
}
