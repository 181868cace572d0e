package node

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"orderflow/domain"
)

// The probes tell apart a process that answers, one that has started, and one
// that can do its work; metrics are for who brings the token.
func TestProbesMeanDifferentThings(t *testing.T) {
	token := strings.Repeat("x", minTokenBytes)
	app, err := New(t.Context(), Config{Data: t.TempDir(), PrivateToken: token}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = app.Close() })
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
		{"before it runs", func() {}, 200, 503, 503},
		{"once it has reached what it follows", func() { runUntilReady(t, app) }, 200, 200, 200},
		{"when it was told to end", func() { app.draining.Store(true) }, 200, 200, 503},
	} {
		step.do()
		if live, started, ready := ask(liveProbe, ""), ask(startedProbe, ""), ask(ReadyProbe, ""); live != step.live || started != step.started || ready != step.ready {
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
	for name, c := range map[string]Config{
		"open without a token": {Data: "d", Private: "0.0.0.0:9090"},
		"a short token":        {Data: "d", Private: "127.0.0.1:9090", PrivateToken: "short"},
	} {
		if err := c.Check(); domain.KindOf(err) != domain.Invalid || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (Config{Data: "d", Private: "0.0.0.0:9090", PrivateToken: strings.Repeat("x", minTokenBytes)}).Check(); err != nil {
		t.Errorf("open with a token: %v", err)
	}
}

// runUntilReady runs the node to the end of the test, and returns once it is ready.
func runUntilReady(t *testing.T, app *App) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- app.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
	awaitReady(t, app)
}

// awaitReady returns once a node that runs is ready: it has caught up with its log.
func awaitReady(t *testing.T, app *App) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) { // readiness is asked, not told
		if err = errors.Join(app.StartedUp(), app.Ready(t.Context())); err == nil {
			return
		}
	}
	t.Fatal(err)
}
