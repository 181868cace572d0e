package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"orderflow/domain"
)

// The probes tell apart a process that answers, one that has started, and one
// that can do its work; metrics are for who brings the token.
func TestProbesMeanDifferentThings(t *testing.T) {
	token := strings.Repeat("x", minTokenBytes)
	app, err := New(t.Context(), config{Data: t.TempDir(), PrivateToken: token}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close() //nolint:errcheck // the test is over
	ask := func(path, bring string) int {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		r.Header.Set("Authorization", bring)
		w := httptest.NewRecorder()
		app.privateHandler().ServeHTTP(w, r)
		return w.Code
	}
	for _, step := range []struct {
		what                 string
		do                   func()
		live, started, ready int
	}{
		{"before it runs", func() {}, 200, 503, 200},
		{"once it has reached what it follows", func() { app.started.Store(true) }, 200, 200, 200},
		{"when it was told to end", func() { app.draining.Store(true) }, 200, 200, 503},
	} {
		step.do()
		if live, started, ready := ask(liveProbe, ""), ask(startedProbe, ""), ask(readyProbe, ""); live != step.live || started != step.started || ready != step.ready {
			t.Errorf("%s: live %d, started %d, ready %d", step.what, live, started, ready)
		}
	}
	for bring, want := range map[string]int{"": 401, "Bearer " + token[1:]: 401, token: 401, "Bearer " + token: 200} {
		if code := ask("/metrics", bring); code != want {
			t.Errorf("metrics for %q: %d", bring, code)
		}
	}
}

func TestMetricsAreNotForEverybody(t *testing.T) {
	for name, c := range map[string]config{
		"open without a token": {Data: "d", Private: "0.0.0.0:9090"},
		"a short token":        {Data: "d", Private: "127.0.0.1:9090", PrivateToken: "short"},
	} {
		if err := c.check(); domain.KindOf(err) != domain.Invalid || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (config{Data: "d", Private: "0.0.0.0:9090", PrivateToken: strings.Repeat("x", minTokenBytes)}).check(); err != nil {
		t.Errorf("open with a token: %v", err)
	}
}
