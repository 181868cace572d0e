package httpapi

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
)

const (
	// unmatched is the route of requests that no pattern matches.
	unmatched = "unmatched"
	// otherMethod is the method, in figures, of those that no route may take.
	otherMethod = "other"
)

// guard surrounds every request: its id, limits, panics and figures.
type guard struct {
	config  Config
	prefix  string // of request ids, of this process
	next    atomic.Uint64
	working atomic.Int64
}

func newGuard(c Config) *guard { return &guard{config: c, prefix: "req_" + rand.Text()[:10] + "_"} }

// statusRecorder remembers what was answered.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (a *statusRecorder) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (a *statusRecorder) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController find what the server's writer can do.
func (a *statusRecorder) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (g *guard) requestID() string { return g.prefix + strconv.FormatUint(g.next.Add(1), 36) }

func (g *guard) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		a := &statusRecorder{ResponseWriter: w}
		secure(w.Header(), g.requestID())
		if g.config.Observer.Began != nil {
			g.config.Observer.Began()
		}
		working := g.working.Add(1)
		defer func() {
			g.working.Add(-1)
			if p := recover(); p != nil {
				g.panicked(a, r, p)
			}
			if g.config.Observer.Ended != nil {
				g.config.Observer.Ended(methodOf(r), routeOf(r.Context()), a.status, time.Since(start))
			}
		}()
		if err := g.refuse(r, working); err != nil {
			writeProblem(a, err)
			return
		}
		next.ServeHTTP(a, r)
	})
}

// refuse returns the problem of a request that exceeds a limit, or nil.
func (g *guard) refuse(r *http.Request, working int64) error {
	// Health must answer when nothing else does.
	if working > int64(g.config.Requests) && !strings.HasPrefix(r.URL.Path, "/healthz/") {
		return problem("overloaded", fmt.Sprintf("%d requests are being worked on.", g.config.Requests))
	}
	if len(r.RequestURI) > MaxURIBytes {
		return problem("uri-too-long", fmt.Sprintf("Path and query have %d bytes; at most %d are allowed.", len(r.RequestURI), MaxURIBytes))
	}
	size := 0
	for name, values := range r.Header {
		for _, v := range values {
			size += len(name) + len(v) + len(": \r\n")
		}
	}
	if size > MaxHeaderBytes {
		return problem("headers-too-large", fmt.Sprintf("The headers have %d bytes; at most %d are allowed.", size, MaxHeaderBytes))
	}
	return nil
}

// panicked answers for a handler that panicked; http.ErrAbortHandler is passed to the server.
func (g *guard) panicked(a *statusRecorder, r *http.Request, p any) {
	if p == http.ErrAbortHandler { //nolint:errorlint // the value itself is the sign
		panic(p)
	}
	g.config.Logger.ErrorContext(r.Context(), "handler panicked", "request", a.Header().Get(requestIDHeader),
		"method", r.Method, "route", routeOf(r.Context()), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	if a.status == 0 {
		writeProblem(a, fmt.Errorf("panic: %v", p))
	}
}

// fail answers with err and logs errors that are not the client's.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	s.report(r.Context(), w.Header().Get(requestIDHeader), problemFor(err))
	writeProblem(w, err)
}

func (s *server) report(ctx context.Context, request string, p *Problem) {
	if p.Status < http.StatusInternalServerError || ctx.Err() != nil {
		return
	}
	level := slog.LevelWarn
	if p.Status == http.StatusInternalServerError {
		level = slog.LevelError
	}
	s.config.Logger.Log(ctx, level, "request failed", "request", request, "route", routeOf(ctx), "type", p.Type, "error", p.cause)
}

// secure sets the headers every answer has.
func secure(h http.Header, id string) {
	h[requestIDHeader] = []string{id}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	h["Cache-Control"] = []string{"no-store"}
	h["Content-Security-Policy"] = []string{"default-src 'none'; frame-ancestors 'none'"}
	h["Referrer-Policy"] = []string{"no-referrer"}
}

// methodOf bounds the values a method has in figures.
func methodOf(r *http.Request) string {
	if slices.Contains(methods, r.Method) {
		return r.Method
	}
	return otherMethod
}

// methods are those a route may take.
var methods = []string{ //nolint:gochecknoglobals // a constant list
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

func routeOf(ctx context.Context) string {
	if c := chi.RouteContext(ctx); c != nil {
		if p := c.RoutePattern(); p != "" {
			return p
		}
	}
	return unmatched
}
