package httpapi_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
)

// pageRoutes are not operations of the API: the document itself and pages for people.
var pageRoutes = []string{"GET /openapi.json", "GET /docs", "GET /problems/{name}"}

func TestDocumentIsTheRouter(t *testing.T) {
	s := begin(t)
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			Summary   string
			Responses map[string]struct{ Content map[string]any }
		}
	}
	r := s.call("GET", "/openapi.json", "")
	if err := json.Unmarshal(r.body, &doc); err != nil || !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Fatalf("version %q, %v", doc.OpenAPI, err)
	}
	documented := map[string]bool{}
	for path, ops := range doc.Paths {
		for method, op := range ops {
			name := strings.ToUpper(method) + " " + path
			documented[name] = true
			if op.Summary == "" || op.Responses["default"].Content["application/problem+json"] == nil {
				t.Errorf("%s has no summary, or does not say that its errors are problems", name)
			}
		}
	}
	served := map[string]bool{}
	err := chi.Walk(s.api.Routes(), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if name := method + " " + route; !slices.Contains(pageRoutes, name) {
			served[name] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range maps.Keys(documented) {
		if !served[name] {
			t.Errorf("%s is documented and not served", name)
		}
	}
	for name := range maps.Keys(served) {
		if !documented[name] {
			t.Errorf("%s is served and not documented", name)
		}
	}
	if len(served) < 23 {
		t.Errorf("only %d operations", len(served))
	}
	if bytes.Contains(r.body, []byte("ErrorModel")) {
		t.Error("the document speaks of errors this API does not send")
	}
}

func TestPagesNeedNoNetwork(t *testing.T) {
	s := begin(t)
	r := s.call("GET", "/docs", "")
	if r.status != http.StatusOK || !strings.Contains(r.header.Get("Content-Type"), "text/html") {
		t.Fatalf("status %d, %s", r.status, r.header.Get("Content-Type"))
	}
	for _, far := range []string{"http://", "https://", "//cdn", "<script"} {
		if bytes.Contains(r.body, []byte(far)) {
			t.Errorf("the page refers to %s", far)
		}
	}
	for _, path := range []string{"/docs", "/openapi.json", "/v1/products", "/nowhere"} {
		h := s.call("GET", path, "").header
		if h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: headers %v", path, h)
		}
	}
}
