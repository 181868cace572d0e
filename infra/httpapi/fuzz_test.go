package httpapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"orderflow/infra/httpapi"
)

// ask calls the handler itself, so that a fuzzer gets through many requests.
func ask(s *system, method, path, body string, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), method, "/", strings.NewReader(body))
	r.URL = &url.URL{}
	path, r.URL.RawQuery, _ = strings.Cut(path, "?")
	r.URL.Path, _ = url.PathUnescape(path)
	r.RequestURI = path
	r.Header = header
	w := httptest.NewRecorder()
	s.api.ServeHTTP(w, r)
	return w
}

// checkNever5xx says that whatever a client sends, the fault is not ours, and
// that what is refused is refused with a problem.
func checkNever5xx(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Code >= http.StatusInternalServerError {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	if w.Code >= http.StatusBadRequest {
		var p httpapi.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Type == "" || p.Status != w.Code {
			t.Fatalf("status %d and no problem: %v: %s", w.Code, err, w.Body)
		}
	}
}

func FuzzCursor(f *testing.F) {
	s := begin(f)
	for _, c := range []string{"", "AAAA", "%00", strings.Repeat("A", 40), strings.Repeat("A", 2_000)} {
		f.Add(c)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		for _, path := range []string{"/v1/orders", "/v1/stock", "/v1/products"} {
			w := ask(s, http.MethodGet, path+"?cursor="+url.QueryEscape(cursor), "", http.Header{})
			checkNever5xx(t, w)
			if cursor != "" && w.Code == http.StatusOK {
				t.Fatalf("%s takes the cursor %q", path, cursor)
			}
		}
	})
}

func FuzzHeaders(f *testing.F) {
	s := begin(f)
	s.t = f
	s.sell("TEAPOT")
	f.Add("k", "wait=0", `"1"`, "0")
	f.Add(`"a\"b"`, "respond-async;x, wait = \"0\"", "*", "-1")
	f.Add(`"`, "wait=99999999999999999999", `W/"1"`, "9223372036854775808")
	f.Fuzz(func(t *testing.T, key, prefer, match, at string) {
		if strings.Contains(strings.ToLower(prefer), "wait") {
			prefer = "wait=0, " + prefer // the first wish counts; a fuzzer must not be kept waiting
		}
		placed := ask(s, http.MethodPost, "/v1/orders", anOrder, http.Header{
			"Content-Type": {"application/json"}, "Idempotency-Key": {key}, "Prefer": {prefer},
		})
		checkNever5xx(t, placed)
		if placed.Code != http.StatusAccepted && placed.Code != http.StatusBadRequest {
			t.Fatalf("status %d: %s", placed.Code, placed.Body)
		}
		if location := placed.Header().Get("Location"); location != "" {
			checkNever5xx(t, ask(s, http.MethodPost, location+"/cancel", "", http.Header{"If-Match": {match}}))
			checkNever5xx(t, ask(s, http.MethodGet, location+"?at="+url.QueryEscape(at), "", http.Header{"If-None-Match": {match}}))
			checkNever5xx(t, ask(s, http.MethodGet, location+"?version="+url.QueryEscape(at), "", http.Header{}))
		}
	})
}

func FuzzBodies(f *testing.F) {
	s := begin(f)
	s.sell("TEAPOT")
	for _, b := range []string{
		anOrder, `{}`, `[]`, `null`, `{"lines":null}`, `{"lines":[null]}`, `{"a":1e999}`, `{"\u0000":"\ud800"}`, "\x00", `{"a":{"a":{}}} `,
		`{"units":[{"sku":"A","quantity":1}]}`, `{"sku":"A","delta":-9223372036854775808}`, `{"lines":[{"line":0,"quantity":1}]}`,
		`{"sku":"A","name":"a","price":{"minor":9223372036854775807,"currency":"GBP"}}`, `{"by":"x","note":"y"}`,
	} {
		f.Add(b)
	}
	paths := []string{
		"/v1/orders", "/v1/stock/receipts", "/v1/stock/adjustments", "/v1/products", "/v1/products/TEAPOT/price",
		"/v1/orders/ord_00000000000000000000000000/cancel", "/v1/orders/ord_00000000000000000000000000/returns",
		"/v1/orders/ord_00000000000000000000000000/resume",
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, path := range paths {
			w := ask(s, http.MethodPost, path, body, http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {"k"}})
			checkNever5xx(t, w)
			if w.Code < http.StatusBadRequest && body != "" && !json.Valid([]byte(body)) {
				t.Fatalf("%s takes %q", path, body)
			}
		}
	})
}
