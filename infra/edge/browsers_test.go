package edge_test

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"testing"
	"time"

	"orderflow/commands"
	"orderflow/infra/edge"
)

// remembered is a limiter that takes everything and remembers the keys.
type remembered struct{ keys []string }

// Take implements commands.Limiter.
func (r *remembered) Take(_ context.Context, key string, limit int, window time.Duration) (commands.Allowance, error) {
	r.keys = append(r.keys, key)
	return commands.Allowance{OK: true, Limit: limit, Remaining: limit - 1, Reset: window}, nil
}

func devIssuer(t testing.TB) *edge.DevIssuer {
	t.Helper()
	issuer, err := edge.OpenDevIssuer(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return issuer
}

const shopPage = "https://shop.example"

// TestPagesOfNamedOriginsMayAsk sends preflights and requests as browsers do.
func TestPagesOfNamedOriginsMayAsk(t *testing.T) {
	issuer := devIssuer(t)
	f := open(t, edge.Options{Dev: issuer, Origins: []string{shopPage, "http://localhost:5173"}, Limiter: &remembered{}})
	preflight := func(origin string) *http.Response {
		return f.ask(http.MethodOptions, "/v1/orders", "Origin", origin, "Access-Control-Request-Method", "POST",
			"Access-Control-Request-Headers", "authorization,content-type,idempotency-key")
	}
	r := preflight(shopPage) // without a token
	if r.StatusCode != http.StatusNoContent || r.Header.Get("Access-Control-Allow-Origin") != shopPage || r.Header.Get("Access-Control-Allow-Methods") != "POST" {
		t.Errorf("preflight: %d, %v", r.StatusCode, r.Header)
	}
	for _, origin := range []string{"https://evil.example", "https://shop.example.evil.example", "http://shop.example", "https://shop.example:8443", "null", "https://SHOP.example.evil"} {
		if r := preflight(origin); r.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s may ask: %v", origin, r.Header)
		}
	}
	token, err := issuer.Token("ada", "ada", []string{"orders"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for _, auth := range []string{"Bearer " + token, "Bearer bad"} { // a page is to see also why not
		r := f.ask(http.MethodGet, "/v1/orders", "Origin", shopPage, "Authorization", auth)
		if r.Header.Get("Access-Control-Allow-Origin") != shopPage || !slices.Contains(r.Header.Values("Vary"), "Origin") {
			t.Errorf("%s: %v", auth, r.Header)
		}
		if r.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("credentials are allowed: %v", r.Header)
		}
	}
	if f.passed != 1 {
		t.Errorf("%d requests came through", f.passed)
	}
	closed := open(t, edge.Options{Dev: issuer}) // without origins
	if r := closed.ask(http.MethodOptions, "/v1/orders", "Origin", shopPage, "Access-Control-Request-Method", "POST"); r.Header.Get("Access-Control-Allow-Origin") != "" || r.StatusCode != http.StatusUnauthorized {
		t.Errorf("without origins: %d, %v", r.StatusCode, r.Header)
	}
}

// TestEveryAnswerIsHeadedSafely looks at answers of all kinds.
func TestEveryAnswerIsHeadedSafely(t *testing.T) {
	f := open(t, edge.Options{
		Dev: devIssuer(t), Origins: []string{shopPage}, Public: []string{"/docs"}, Probes: []string{"/healthz/live"},
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
	})
	for _, path := range []string{"/docs", "/v1/orders", "/healthz/live", edge.JWKSPath} {
		for _, method := range []string{http.MethodGet, http.MethodOptions, http.MethodPost} {
			r := f.ask(method, path, "Origin", shopPage, "Access-Control-Request-Method", "POST")
			for name, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
				"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Strict-Transport-Security": "",
			} {
				if got := r.Header.Get(name); got != want {
					t.Errorf("%s %s: %s is %q", method, path, name, got)
				}
			}
		}
	}
	const hsts = "max-age=31536000"
	if got := f.ask(http.MethodGet, "/docs", "from", "10.1.2.3:4", "X-Forwarded-Proto", "https").Header.Get("Strict-Transport-Security"); got != hsts {
		t.Errorf("behind a proxy with TLS: %q", got)
	}
	if got := f.ask(http.MethodGet, "/docs", "from", "192.0.2.1:4", "X-Forwarded-Proto", "https").Header.Get("Strict-Transport-Security"); got != "" {
		t.Errorf("behind nobody we trust: %q", got)
	}
	r, w := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/docs", nil), httptest.NewRecorder()
	r.TLS = &tls.ConnectionState{}
	if f.handler.ServeHTTP(w, r); w.Header().Get("Strict-Transport-Security") != hsts {
		t.Errorf("by TLS: %v", w.Header())
	}
}

// TestUncheckedTellsNobodyApart is the edge of a node without authentication.
func TestUncheckedTellsNobodyApart(t *testing.T) {
	limiter := &remembered{}
	f := open(t, edge.Options{Unchecked: true, Origins: []string{shopPage}, Limiter: limiter})
	r := f.ask(http.MethodGet, "/v1/orders", "Origin", shopPage, "Authorization", "Bearer bad")
	if r.StatusCode != http.StatusNoContent || f.passed != 1 || len(f.callers) != 0 || len(limiter.keys) != 0 {
		t.Errorf("%d, %d passed, callers %v, limited by %v", r.StatusCode, f.passed, f.callers, limiter.keys)
	}
}
