package node

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"strings"

	"orderflow/domain"
)

// The probes of a process, on the private listener. They mean different things:
// an orchestrator restarts what is not live, sends nothing to what is not
// ready, and leaves alone what has not started.
const (
	liveProbe    = "/healthz/live"    // the process answers; it asks no other service
	ReadyProbe   = "/healthz/ready"   // it can do its work now: what it needs answers, and it is not ending
	startedProbe = "/healthz/started" // what it follows was reached once
)

// minTokenBytes bounds the token of the private listener from below.
const minTokenBytes = 32

// privateHandler serves the probes, and metrics and profiles to requests with
// the token, if there is one.
func (a *App) privateHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+liveProbe, func(w http.ResponseWriter, _ *http.Request) { probed(w, nil) })
	mux.HandleFunc("GET "+ReadyProbe, func(w http.ResponseWriter, r *http.Request) { probed(w, a.Ready(r.Context())) })
	mux.HandleFunc("GET "+startedProbe, func(w http.ResponseWriter, _ *http.Request) { probed(w, a.StartedUp()) })
	mux.Handle("/", withToken(a.Config.PrivateToken, a.metrics.Load().Handler()))
	return mux
}

// probed answers a probe: 200, or 503 with the reason.
func probed(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "application/json")
	answer := map[string]string{"status": "ok"}
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		answer = map[string]string{"status": "unavailable", "reason": err.Error()}
	}
	_ = json.NewEncoder(w).Encode(answer) // the prober may be gone
}

// withToken lets through who brings the token; an empty one lets everybody through.
func withToken(token string, next http.Handler) http.Handler {
	if token == "" {
		return next
	}
	want := sha256.Sum256([]byte(token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		brought, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		have := sha256.Sum256([]byte(brought))
		if subtle.ConstantTimeCompare(have[:], want[:]) != 1 || !ok {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "the token of the private listener is missing", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// StartedUp is nil once the process has reached what it follows.
func (a *App) StartedUp() error {
	if a.started.Load() {
		return nil
	}
	return domain.Errorf(domain.Unavailable, "The process is starting.")
}

// startUp waits until the process has what it needs to be of use: the log
// answers, and the views that it keeps have what was in the log.
func (a *App) startUp(ctx context.Context) error {
	if a.Config.Roles.projects() {
		if err := a.AwaitViews(ctx); err != nil && ctx.Err() == nil {
			a.Logger.WarnContext(ctx, "the views do not follow; the process counts as started all the same", "error", err)
		}
	}
	a.started.Store(true)
	return nil
}
