package edge

import (
	"net/http"

	"github.com/rs/cors"
)

// preflightSeconds is how long a browser may keep the answer to a preflight.
const preflightSeconds = 600

// crossOrigin returns what pages of other origins may send and read. There are no
// cookies, so credentials are never allowed: a page sends its token itself.
func crossOrigin(origins []string) cors.Options {
	return cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete},
		AllowedHeaders: []string{
			"Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "Last-Event-ID", "Orderflow-Position", "Prefer", "Traceparent",
		},
		ExposedHeaders: []string{
			"ETag", "Idempotency-Replayed", "Link", "Location", "Orderflow-Position", "Preference-Applied",
			"RateLimit", "RateLimit-Policy", "Request-Id", "Retry-After", "WWW-Authenticate",
		},
		MaxAge: preflightSeconds,
	}
}

// secure sets the headers every answer has; those behind the edge may say more.
func (e *Edge) secure(h http.Header, r *http.Request) {
	h["X-Content-Type-Options"] = []string{"nosniff"}
	h["Cache-Control"] = []string{"no-store"}
	h["Content-Security-Policy"] = []string{"default-src 'none'; frame-ancestors 'none'"}
	h["Referrer-Policy"] = []string{"no-referrer"}
	if e.secured(r) {
		h["Strict-Transport-Security"] = []string{"max-age=31536000"} // a year, as browsers' lists want at least
	}
}
