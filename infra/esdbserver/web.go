package esdbserver

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"time"
)

// Limits of the HTTP side, which answers a few short questions.
const (
	webTimeout     = 10 * time.Second
	webIdleTimeout = 60 * time.Second
	webHeaderBytes = 16 << 10
)

// newHTTP returns the server for requests that are not gRPC.
func (s *Server) newHTTP() *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health/live", live)
	mux.HandleFunc("GET /ping", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]string{"msgTypeId": "PingMessage", "text": "Ping request successfully handled"})
	})
	mux.HandleFunc("GET /info", s.info)
	mux.HandleFunc("GET /gossip", s.gossip)
	mux.HandleFunc("GET /stats", s.withPassword(s.stats))
	return &http.Server{
		Handler: mux, ReadTimeout: webTimeout, WriteTimeout: webTimeout, IdleTimeout: webIdleTimeout, MaxHeaderBytes: webHeaderBytes,
		ErrorLog: slog.NewLogLogger(s.logger.Handler(), slog.LevelDebug),
	}
}

// live says that the node lives, with the status that a probe asks for.
func live(w http.ResponseWriter, r *http.Request) {
	status := http.StatusNoContent
	if code, err := strconv.Atoi(r.FormValue("liveCode")); err == nil && code >= 200 && code < 600 {
		status = code
	}
	w.WriteHeader(status)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(v) // the client may be gone
}

func (s *Server) info(w http.ResponseWriter, _ *http.Request) {
	answer(w, map[string]any{
		"dbVersion": Version, "esVersion": Version, "state": s.state(),
		"features":       map[string]bool{"projections": false, "userManagement": !s.options.Insecure, "atomPub": false},
		"authentication": map[string]any{"type": s.authentication(), "properties": map[string]string{}},
	})
}

func (s *Server) authentication() string {
	if s.options.Insecure {
		return "insecure"
	}
	return "internal"
}

func (s *Server) gossip(w http.ResponseWriter, _ *http.Request) {
	members := []map[string]any{}
	for _, m := range s.members() {
		host, port, err := m.endpoint()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		members = append(members, map[string]any{
			"instanceId": textual(m.ID).GetString_(), "timeStamp": s.options.Clock().UTC(), "state": m.State.String(), "isAlive": m.Alive,
			"httpEndPointIp": host, "httpEndPointPort": port, "nodePriority": s.priority.Load(), "isReadOnlyReplica": false, "esVersion": Version,
		})
	}
	host, port, err := Member{Address: s.advertised()}.endpoint()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer(w, map[string]any{"members": members, "serverIp": host, "serverPort": port})
}

// withPassword answers those only that the node knows.
func (s *Server) withPassword(handle http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.options.Insecure {
			login, password, _ := r.BasicAuth()
			_, ok, err := s.users.check(r.Context(), login, password)
			if err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
			if !ok {
				w.Header().Set("WWW-Authenticate", `Basic realm="EventStoreDB"`)
				http.Error(w, "The statistics want the login and password of a user.", http.StatusUnauthorized)
				return
			}
		}
		handle(w, r)
	}
}

func (s *Server) stats(w http.ResponseWriter, r *http.Request) {
	end, err := s.engine.End(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	answer(w, map[string]any{
		"proc": map[string]any{"startTime": s.started.UTC()},
		"es":   map[string]any{"writer": map[string]any{"lastPosition": s.options.Positions.Outward(end)}},
	})
}
