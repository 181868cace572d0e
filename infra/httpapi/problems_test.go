package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/infra/httpapi"
)

// checkProblem reports whether r is a problem of the type, complete and with a page that explains it.
func checkProblem(t *testing.T, s *system, r reply, status int, name string) httpapi.Problem {
	t.Helper()
	var p httpapi.Problem
	if err := json.Unmarshal(r.body, &p); err != nil {
		t.Fatalf("status %d and no problem: %v in %.200s", r.status, err, r.body)
	}
	if ct := r.header.Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("Content-Type %q", ct)
	}
	if r.status != status || p.Status != status || p.Type != "/problems/"+name {
		t.Errorf("status %d and %d, type %s; not %d /problems/%s: %s", r.status, p.Status, p.Type, status, name, r.body)
	}
	if p.Title == "" || p.Detail == "" || p.Instance == "" || p.Instance != r.header.Get("Request-Id") {
		t.Errorf("something is missing in %+v", p)
	}
	page := s.call("GET", p.Type, "")
	if page.status != http.StatusOK || !strings.Contains(string(page.body), "<h2>Fix</h2>") {
		t.Errorf("%s: status %d", p.Type, page.status)
	}
	return p
}

func TestEveryErrorIsAProblem(t *testing.T) {
	s := begin(t)
	s.sell("TEAPOT")
	o := s.place("there")
	key := []string{"Idempotency-Key", "k"}
	with := func(more ...string) []string { return append([]string{"Idempotency-Key", "k"}, more...) }
	order := func(line string) string { return `{"customer":"ada","payment_token":"t","lines":[` + line + `]}` }
	long := strings.Repeat("x", 129)
	for _, c := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		problem                  string
	}{
		{"no route", "GET", "/nowhere", "", nil, 404, "no-such-route"},
		{"no method", "PUT", "/v1/orders", "", nil, 405, "method-not-allowed"},
		{"odd method", "BREW", "/v1/orders", "", nil, 405, "method-not-allowed"},
		{"no key", "POST", "/v1/orders", anOrder, nil, 400, "idempotency-key-missing"},
		{"empty key", "POST", "/v1/orders", anOrder, []string{"Idempotency-Key", `""`}, 400, "idempotency-key-invalid"},
		{"badly quoted key", "POST", "/v1/orders", anOrder, []string{"Idempotency-Key", `"a"b`}, 400, "idempotency-key-invalid"},
		{"long key", "POST", "/v1/orders", anOrder, []string{"Idempotency-Key", strings.Repeat("k", 256)}, 400, "idempotency-key-invalid"},
		{"no key for a receipt", "POST", "/v1/stock/receipts", `{"units":[{"sku":"A","quantity":1}]}`, nil, 400, "idempotency-key-missing"},
		{"no key for a return", "POST", o.TrackingURL + "/returns", `{"lines":[{"line":0,"quantity":1}]}`, nil, 400, "idempotency-key-missing"},
		{"other body under a key", "POST", "/v1/orders", strings.Replace(anOrder, ":2", ":3", 1), []string{"Idempotency-Key", "there"}, 422, "idempotency-key-reused"},
		{"no body", "POST", "/v1/orders", "", with("Content-Type", "application/json"), 400, "malformed-json"},
		{"broken JSON", "POST", "/v1/orders", `{"customer":`, key, 400, "malformed-json"},
		{"trailing data", "POST", "/v1/orders", anOrder + "{}", key, 400, "malformed-json"},
		{"duplicate member", "POST", "/v1/orders", `{"customer":"a","customer":"b","payment_token":"t","lines":[{"sku":"TEAPOT","quantity":1}]}`, key, 400, "malformed-json"},
		{"duplicate in disguise", "POST", "/v1/orders", order(`{"sku":"TEAPOT","\u0073ku":"B","quantity":1}`), key, 400, "malformed-json"},
		{"half a character", "POST", "/v1/orders", order(`{"sku":"z\ud800","quantity":1}`), key, 400, "malformed-json"},
		{"the other half", "POST", "/v1/orders", order(`{"sku":"\udc01 z","quantity":1}`), key, 400, "malformed-json"},
		{"two first halves", "POST", "/v1/orders", order(`{"sku":"\ud83d\ud83d\ude00","quantity":1}`), key, 400, "malformed-json"},
		{"not UTF-8", "POST", "/v1/orders", order("{\"sku\":\"\xff\",\"quantity\":1}"), key, 400, "malformed-json"},
		{"deep nesting", "POST", "/v1/orders", strings.Repeat("[", 50) + strings.Repeat("]", 50), key, 400, "malformed-json"},
		{"trailing data elsewhere", "POST", "/v1/products", `{"sku":"A","name":"a","price":{"minor":1,"currency":"GBP"}} 1`, nil, 400, "malformed-json"},
		{"duplicate elsewhere", "POST", "/v1/products", `{"sku":"A","sku":"B","name":"a","price":{"minor":1,"currency":"GBP"}}`, nil, 400, "malformed-json"},
		{"not an object", "POST", "/v1/orders", `[]`, key, 422, "invalid-request"},
		{"text for a number", "POST", "/v1/orders", order(`{"sku":"TEAPOT","quantity":"1"}`), key, 422, "invalid-request"},
		{"fraction of a unit", "POST", "/v1/orders", order(`{"sku":"TEAPOT","quantity":1.5}`), key, 422, "invalid-request"},
		{"huge number", "POST", "/v1/orders", order(`{"sku":"TEAPOT","quantity":1e400}`), key, 422, "invalid-request"},
		{"unknown member", "POST", "/v1/orders", `{"customer":"a","colour":"red","payment_token":"t","lines":[]}`, key, 422, "invalid-request"},
		{"member in other case", "POST", "/v1/orders", order(`{"SKU":"TEAPOT","quantity":1}`), key, 422, "invalid-request"},
		{"unknown member elsewhere", "POST", "/v1/stock/adjustments", `{"sku":"A","delta":1,"colour":"red"}`, key, 422, "invalid-request"},
		{"price from a client", "POST", "/v1/orders", order(`{"sku":"TEAPOT","quantity":1,"price_minor":1}`), key, 422, "invalid-request"},
		{"card number", "POST", "/v1/orders", strings.Replace(anOrder, "tok_visa", "4242 4242 4242 4242", 1), key, 422, "invalid-request"},
		{"no lines", "POST", "/v1/orders", order(""), key, 422, "invalid-request"},
		{"no units", "POST", "/v1/orders", order(`{"sku":"TEAPOT","quantity":0}`), key, 422, "invalid-request"},
		{"too many units", "POST", "/v1/orders", order(`{"sku":"TEAPOT","quantity":100001}`), key, 422, "invalid-request"},
		{"long SKU", "POST", "/v1/orders", order(`{"sku":"` + long + `","quantity":1}`), key, 422, "invalid-request"},
		{"control character", "POST", "/v1/orders", order(`{"sku":"A\u0007","quantity":1}`), key, 422, "invalid-request"},
		{"not on sale", "POST", "/v1/orders", order(`{"sku":"NONE","quantity":1}`), key, 409, "rejected"},
		{"text body", "POST", "/v1/orders", anOrder, with("Content-Type", "text/plain"), 415, "unsupported-media-type"},
		{"compressed body", "POST", "/v1/orders", anOrder, with("Content-Encoding", "gzip"), 415, "unsupported-media-type"},
		{"latin body", "POST", "/v1/stock/receipts", anOrder, with("Content-Type", "application/json; charset=latin1"), 415, "unsupported-media-type"},
		{"large body", "POST", "/v1/orders", strings.Repeat(" ", httpapi.MaxBodyBytes+1), key, 413, "body-too-large"},
		{"large body elsewhere", "POST", "/v1/products", strings.Repeat(" ", httpapi.MaxBodyBytes+1), nil, 413, "body-too-large"},
		{"large headers", "GET", "/v1/orders", "", []string{"X-Big", strings.Repeat("x", httpapi.MaxHeaderBytes)}, 431, "headers-too-large"},
		{"long address", "GET", "/v1/orders?customer=" + strings.Repeat("x", httpapi.MaxURIBytes), "", nil, 414, "uri-too-long"},
		{"no such order", "GET", "/v1/orders/" + string(domain.NewOrderID("nobody", "x")), "", nil, 404, "not-found"},
		{"not an order id", "GET", "/v1/orders/17", "", nil, 404, "not-found"},
		{"events of nothing", "GET", "/v1/orders/" + string(domain.NewOrderID("nobody", "x")) + "/events", "", nil, 404, "not-found"},
		{"watch nothing", "GET", "/v1/orders/" + string(domain.NewOrderID("nobody", "x")) + "/watch", "", nil, 404, "not-found"},
		{"cancel nothing", "POST", "/v1/orders/" + string(domain.NewOrderID("nobody", "x")) + "/cancel", "", nil, 404, "not-found"},
		{"dispatch nothing", "POST", "/v1/shipments/" + string(domain.NewOrderID("nobody", "x")) + "/dispatched", "", nil, 404, "not-found"},
		{"no such article", "GET", "/v1/products/NONE", "", nil, 404, "not-found"},
		{"no such stock", "GET", "/v1/stock/NONE", "", nil, 404, "not-found"},
		{"odd version", "GET", o.TrackingURL + "?version=x", "", nil, 422, "invalid-request"},
		{"version and time", "GET", o.TrackingURL + "?version=1&at=2026-01-01T00:00:00Z", "", nil, 422, "invalid-request"},
		{"odd position", "GET", o.TrackingURL + "?position=-1", "", nil, 422, "invalid-request"},
		{"odd limit", "GET", "/v1/orders?limit=1000", "", nil, 422, "invalid-request"},
		{"odd status", "GET", "/v1/orders?status=fine", "", nil, 422, "invalid-request"},
		{"odd time", "GET", "/v1/orders?from=yesterday", "", nil, 422, "invalid-request"},
		{"odd day", "GET", "/v1/sales?from=2026-02-30", "", nil, 422, "invalid-request"},
		{"altered cursor", "GET", "/v1/orders?cursor=AAAAAAAAAAAAAAAAAAAAAAAAAAAA", "", nil, 400, "invalid-cursor"},
		{"odd event id", "GET", o.TrackingURL + "/watch", "", []string{"Last-Event-ID", "x"}, 422, "invalid-request"},
		{"stale If-Match", "POST", o.TrackingURL + "/cancel", "", []string{"If-Match", `"9"`}, 412, "precondition-failed"},
		{"odd If-Match", "POST", o.TrackingURL + "/cancel", "", []string{"If-Match", `W/"1"`}, 412, "precondition-failed"},
		{"no such problem", "GET", "/problems/none", "", nil, 404, "not-found"},
		{"metrics", "GET", "/metrics", "", nil, 404, "no-such-route"},
		{"profiles", "GET", "/debug/pprof/", "", nil, 404, "no-such-route"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := s.call(c.method, c.path, c.body, c.headers...)
			p := checkProblem(t, s, r, c.status, c.problem)
			if c.status == 405 && r.header.Get("Allow") != "GET, HEAD, POST" {
				t.Errorf("Allow: %q", r.header.Get("Allow"))
			}
			if c.name == "price from a client" && !strings.Contains(p.Detail, "catalogue") {
				t.Errorf("the detail does not say where prices come from: %s", p.Detail)
			}
		})
	}
}

// broken is a bus that fails in one way.
type broken struct{ err error }

func (b broken) Send(context.Context, commands.Command) (commands.Reply, error) {
	if b.err == nil {
		panic("a secret in a panic")
	}
	return commands.Reply{}, b.err
}

func TestKindsOfErrors(t *testing.T) {
	secret := errors.New("secret cause")
	for _, c := range []struct {
		err     error
		status  int
		problem string
		retry   bool
	}{
		{domain.Wrap(domain.Internal, secret, "secret text"), 500, "internal", false},
		{secret, 500, "internal", false},
		{nil, 500, "internal", false},
		{domain.Wrap(domain.Invalid, secret, "No."), 422, "invalid-request", false},
		{domain.Wrap(domain.Rejected, secret, "No."), 409, "rejected", false},
		{domain.Wrap(domain.NotFound, secret, "No."), 404, "not-found", false},
		{domain.Wrap(domain.Conflict, secret, "No."), 409, "conflict", false},
		{domain.Wrap(domain.Unavailable, secret, "No."), 503, "unavailable", true},
		{domain.Wrap(domain.Mismatch, secret, "No."), 422, "idempotency-key-reused", false},
		{domain.Wrap(domain.Unknown, secret, "No."), 503, "outcome-unknown", true},
		{domain.Wrap(domain.Exhausted, secret, "No."), 429, "limit-exceeded", true},
		{domain.Wrap(domain.ReadOnly, secret, "No."), 503, "read-only", true},
	} {
		s := begin(t, func(config *httpapi.Config) { config.Bus = broken{c.err} })
		for _, path := range []string{"/v1/orders", "/v1/products"} {
			body := anOrder
			if path == "/v1/products" {
				body = `{"sku":"A","name":"a","price":{"minor":1,"currency":"GBP"}}`
			}
			r := s.call("POST", path, body, "Idempotency-Key", "k")
			checkProblem(t, s, r, c.status, c.problem)
			if strings.Contains(string(r.body), "secret") {
				t.Errorf("%v leaks: %s", c.err, r.body)
			}
			if got := r.header.Get("Retry-After") != ""; got != c.retry {
				t.Errorf("%v: Retry-After %q", c.err, r.header.Get("Retry-After"))
			}
		}
	}
}

func TestStaleView(t *testing.T) {
	s := begin(t, func(c *httpapi.Config) { c.Fresh = 1 })
	s.sell("TEAPOT")
	p := s.place("k")
	for _, path := range []string{p.TrackingURL, "/v1/orders", "/v1/stock", "/v1/products/TEAPOT", "/v1/sales", "/v1/fulfilments/attention"} {
		r := s.call("GET", path+"?position=1000000", "")
		checkProblem(t, s, r, http.StatusServiceUnavailable, "stale")
	}
}

func TestOverload(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	s := begin(t, func(c *httpapi.Config) {
		c.Requests = 1
		c.Ready = func(context.Context) error { close(entered); <-leave; return nil }
	})
	done := make(chan reply, 1)
	go func() { done <- s.call("GET", "/healthz/ready", "") }()
	<-entered
	r := s.call("GET", "/v1/products", "")
	if live := s.call("GET", "/healthz/live", ""); live.status != http.StatusOK {
		t.Errorf("alive under load: status %d", live.status)
	}
	close(leave)
	<-done
	checkProblem(t, s, r, http.StatusServiceUnavailable, "overloaded")
}

func TestDrainedIsNotReady(t *testing.T) {
	s := begin(t)
	if r := s.call("GET", "/healthz/ready", ""); r.status != http.StatusOK {
		t.Errorf("ready: status %d", r.status)
	}
	s.api.Drain()
	checkProblem(t, s, s.call("GET", "/healthz/ready", ""), http.StatusServiceUnavailable, "unavailable")
	if r := s.call("GET", "/healthz/live", ""); r.status != http.StatusOK {
		t.Errorf("live while draining: status %d", r.status)
	}
}

func TestLargestOrderFits(t *testing.T) {
	s := begin(t)
	var lines []string
	for i := range domain.MaxLines {
		sku := fmt.Sprintf("%0128d", i)
		s.send(commands.ListProduct{SKU: domain.SKU(sku), Name: "x", Price: domain.GBP(1)})
		lines = append(lines, `{"sku":"`+sku+`","quantity":100000}`)
	}
	body := `{"customer":"ada","payment_token":"t","lines":[` + strings.Join(lines, ",") + `]}`
	r := s.call("POST", "/v1/orders", body, "Idempotency-Key", "k")
	p := read[placedOrder](t, r, http.StatusAccepted)
	o := read[shownOrder](t, s.call("GET", p.TrackingURL+"?position="+at(p.Position), ""), http.StatusOK)
	if len(o.Lines) != domain.MaxLines || o.Total.Minor != domain.MaxLines*domain.MaxQuantity {
		t.Errorf("%d lines, %d pence", len(o.Lines), o.Total.Minor)
	}
	body = strings.Replace(body, `"lines":[`, `"lines":[`+lines[0]+",", 1)
	checkProblem(t, s, s.call("POST", "/v1/orders", body, "Idempotency-Key", "k2"), http.StatusUnprocessableEntity, "invalid-request")
}

func TestBodyThatBreaksOff(t *testing.T) {
	s := begin(t)
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	fmt.Fprintf(conn, "POST /v1/orders HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.Contains(string(answer), "400 Bad Request") || !strings.Contains(string(answer), "/problems/malformed-json") {
		t.Errorf("answered %q, %v", answer, err)
	}
}

func TestOnlyThisMachine(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "localhost:8080", "[::1]:1", "127.9.9.9:1"} {
		if err := httpapi.CheckLoopback(addr); err != nil {
			t.Errorf("%s: %v", addr, err)
		}
	}
	for _, addr := range []string{":8080", "0.0.0.0:1", "[::]:1", "192.168.1.1:80", "example.com:80", "8080", ""} {
		if err := httpapi.CheckLoopback(addr); domain.KindOf(err) != domain.Invalid || err == nil {
			t.Errorf("%s: %v", addr, err)
		}
	}
}
