package httpapi_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/infra/edge"
	"orderflow/infra/httpapi"
)

// rule says whom a route lets in, and how to ask it.
type rule struct {
	who  string // everyone, anyone with a token, or the scopes of which one is needed; admin always is
	what string // the path names an "order"; the request names a "customer", as the whole of a list or of an order
	body string
}

// matrix is the whole of who may do what. A route that has no row here fails
// the test, and so does a row without a route.
var matrix = map[string]rule{
	"POST /v1/orders":                       {"orders support", "customer", `{%s"payment_token":"tok","lines":[{"sku":"TEAPOT","quantity":1}]}`},
	"GET /v1/orders":                        {"orders support", "customer", ""},
	"GET /v1/orders/{id}":                   {"orders support", "order", ""},
	"GET /v1/orders/{id}/events":            {"orders support", "order", ""},
	"GET /v1/orders/{id}/watch":             {"orders support", "order", ""},
	"POST /v1/orders/{id}/cancel":           {"orders support", "order", ""},
	"POST /v1/orders/{id}/returns":          {"orders support", "order", `{"lines":[{"line":0,"quantity":1}]}`},
	"POST /v1/orders/{id}/resume":           {"", "", `{"by":"grace"}`},
	"POST /v1/shipments/{order}/dispatched": {"catalogue", "", ""},
	"POST /v1/shipments/{order}/delivered":  {"catalogue", "", ""},
	"GET /v1/fulfilments/attention":         {"reports support", "", ""},
	"GET /v1/sales":                         {"reports support", "", ""},
	"GET /v1/stock":                         {"anyone", "", ""},
	"GET /v1/stock/{sku}":                   {"anyone", "", ""},
	"POST /v1/stock/receipts":               {"catalogue", "", `{"units":[{"sku":"SAUCER","quantity":1}]}`},
	"POST /v1/stock/adjustments":            {"catalogue", "", `{"sku":"SAUCER","delta":1}`},
	"GET /v1/products":                      {"anyone", "", ""},
	"GET /v1/products/{sku}":                {"anyone", "", ""},
	"POST /v1/products":                     {"catalogue", "", `{"sku":"SAUCER","name":"Article SAUCER","price":{"minor":250,"currency":"GBP"}}`},
	"POST /v1/products/{sku}/price":         {"catalogue", "", `{"price":{"minor":250,"currency":"GBP"}}`},
	"DELETE /v1/products/{sku}":             {"catalogue", "", ""},
	"GET /healthz/live":                     {"everyone", "", ""},
	"GET /healthz/ready":                    {"everyone", "", ""},
	"GET /openapi.json":                     {"everyone", "", ""},
	"GET /docs":                             {"everyone", "", ""},
	"GET /problems/{name}":                  {"everyone", "", ""},
}

// who is one kind of caller.
type who struct {
	name, customer, scopes string
	unknown                bool // it has no token that counts
	token                  string
}

func callers() []who {
	return []who{
		{name: "anonymous", unknown: true},
		{name: "expired", customer: "ada", scopes: "admin", unknown: true},
		{name: "no scope", customer: "ada"},
		{name: "other customer", customer: "bob", scopes: "orders"},
		{name: "owner", customer: "ada", scopes: "orders"},
		{name: "customer of nobody", scopes: "orders"},
		{name: "support", scopes: "support"},
		{name: "catalogue", scopes: "catalogue"},
		{name: "reports", scopes: "reports"},
		{name: "admin", scopes: "admin"},
	}
}

func (w who) has(scopes string) bool {
	return slices.ContainsFunc(strings.Fields(w.scopes), func(s string) bool { return s == "admin" || slices.Contains(strings.Fields(scopes), s) })
}

// through is what a request gets that is let in: whatever it deserves.
const through = 0

// expected returns the status of one cell: caller, route, and whose the thing is;
// owner is empty for one that does not exist, or a customer who is not named.
func expected(w who, r rule, owner string) int {
	switch {
	case r.who == "everyone":
		return through
	case w.unknown:
		return http.StatusUnauthorized
	case r.who == "anyone":
		return through
	case !w.has(r.who):
		return http.StatusForbidden
	case w.has("support") || r.what == "" || owner == w.customer:
		return through
	case r.what == "order":
		return http.StatusNotFound
	}
	return through // see TestMatrix: what a customer is told of others
}

// shop is the API behind an edge.
type shop struct {
	*system
	issuer *edge.DevIssuer
	keys   string // the folder of its key
}

func openShop(t *testing.T) shop {
	t.Helper()
	s := begin(t)
	s.sell("TEAPOT", "SAUCER")
	keys := t.TempDir()
	issuer, err := edge.OpenDevIssuer(keys)
	if err != nil {
		t.Fatal(err)
	}
	e, err := edge.New(t.Context(), edge.Options{Dev: issuer, Public: httpapi.PublicPaths(), Probes: httpapi.ProbePaths(), Refuse: httpapi.Refuse})
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(e.Wrap(s.api))
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		front.Close()
		_ = e.Close()
	})
	s.url = front.URL
	return shop{s, issuer, keys}
}

// token is one for a customer, or for a clerk if that is empty.
func (s shop) token(customer, scopes string, ttl time.Duration) string {
	s.t.Helper()
	subject := "sub-" + customer
	token, err := s.issuer.Token(subject, domain.CustomerID(customer), strings.Fields(scopes), ttl)
	if err != nil {
		s.t.Fatal(err)
	}
	return token
}

// orderOf places an order past the edge.
func (s shop) orderOf(customer, key string) domain.OrderID {
	s.t.Helper()
	return s.send(commands.PlaceOrder{
		Customer: domain.CustomerID(customer), IdempotencyKey: key, PaymentToken: "tok", PlacedAt: time.Now(),
		Lines: []commands.OrderLine{{SKU: "TEAPOT", Quantity: 1}},
	}).Order
}

// askOnce sends a request and returns what it got; a stream is read no further than its headers.
func (s shop) askOnce(w who, method, path, body string, headers ...string) reply {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if w.token != "" {
		r.Header.Set("Authorization", "Bearer "+w.token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	out := reply{status: res.StatusCode, header: res.Header}
	if res.Header.Get("Content-Type") != "text/event-stream" {
		if out.body, err = io.ReadAll(res.Body); err != nil {
			s.t.Fatal(err)
		}
	}
	return out
}

func TestMatrix(t *testing.T) {
	s := openShop(t)
	served := map[string]bool{}
	err := chi.Walk(s.api.Routes(), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		served[method+" "+route] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range served {
		if _, there := matrix[name]; !there {
			t.Errorf("%s has no row: say who may use it", name)
		}
	}
	all := callers()
	for i, w := range all {
		switch w.name {
		case "anonymous":
		case "expired":
			all[i].token = s.expired(w)
		default:
			all[i].token = s.token(w.customer, w.scopes, time.Hour)
		}
	}
	cells, absent := 0, map[string]string{} // what a route says of an order that is not there
	for name, r := range matrix {
		if !served[name] {
			t.Errorf("there is a row for %s, which is not served", name)
			continue
		}
		for _, owner := range []string{"", "ada", "carol"} { // "" comes first: it says what absence looks like
			for _, w := range all {
				cells++
				s.tryCell(name, r, w, owner, fmt.Sprint("cell-", cells), absent)
			}
		}
	}
	t.Logf("%d cells: %d routes, %d callers, 3 owners", cells, len(matrix), len(all))
}

// tryCell sends one request and holds it against what is expected.
func (s shop) tryCell(name string, r rule, w who, owner, key string, absent map[string]string) {
	t := s.t
	t.Helper()
	id := domain.OrderID("ord_" + strings.Repeat("0", 26))
	if owner != "" {
		id = s.orderOf(owner, key)
	}
	method, path, _ := strings.Cut(name, " ")
	path = strings.NewReplacer("{id}", string(id), "{order}", string(id), "{sku}", "SAUCER", "{name}", "not-found").Replace(path)
	body := r.body
	if name == "POST /v1/orders" {
		named := ""
		if owner != "" {
			named = fmt.Sprintf(`"customer":%q,`, owner)
		}
		body = fmt.Sprintf(body, named)
	} else if r.what == "customer" && owner != "" {
		path += "?customer=" + owner
	}
	end, err := s.log.End(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := s.askOnce(w, method, path, body, "Idempotency-Key", key, "Orderflow-Position", position(end))
	cell := fmt.Sprintf("%s as %s, of %q", name, w.name, owner)
	want := expected(w, r, owner)
	if name == "POST /v1/orders" && want == through && !w.has("support") && owner != "" && owner != w.customer {
		want = http.StatusForbidden // for another customer
	}
	switch {
	case want == through && strings.Contains(name, "{id}") || want == through && strings.Contains(name, "{order}"):
		if (got.status == http.StatusNotFound) != (owner == "") || slices.Contains([]int{401, 403, 429}, got.status) || got.status >= 500 {
			t.Errorf("%s: %d %s", cell, got.status, got.body)
		}
	case want == through:
		if slices.Contains([]int{401, 403, 404, 429}, got.status) || got.status >= 500 {
			t.Errorf("%s: %d %s", cell, got.status, got.body)
		}
	case got.status != want:
		t.Errorf("%s: %d, not %d: %s", cell, got.status, want, got.body)
	}
	if want == http.StatusNotFound && absent[name] == "" {
		absent[name] = sameWords(got, id)
	}
	if want == http.StatusNotFound && sameWords(got, id) != absent[name] {
		t.Errorf("%s differs from an order that is not there:\n%s\n%s", cell, sameWords(got, id), absent[name])
	}
	if want == through && method != http.MethodGet {
		return
	}
	if now, err := s.log.End(t.Context()); err != nil || now != end {
		t.Errorf("%s was refused and has changed the log: %v", cell, err)
	}
	if name == "GET /v1/orders" && want == through {
		s.seesOnly(cell, got, w, owner)
	}
}

// seesOnly looks through a list for what is the caller's and for what is not.
func (s shop) seesOnly(cell string, got reply, w who, owner string) {
	s.t.Helper()
	items := read[shownPage](s.t, got, http.StatusOK).Items
	if mine := w.has("support") || w.customer == owner; owner != "" && mine != (len(items) > 0) {
		s.t.Errorf("%s: it lists %d orders", cell, len(items))
	}
	for _, o := range items {
		if !w.has("support") && o.Customer != w.customer {
			s.t.Errorf("%s: it lists an order of %s", cell, o.Customer)
		}
	}
}

var instance = regexp.MustCompile(`req_[A-Z0-9]+_[0-9a-z]+`)

// sameWords returns an answer without what differs by nature: the order's name and the request's.
func sameWords(r reply, id domain.OrderID) string {
	h := r.header.Clone()
	h.Del("Date")
	h.Del("Content-Length") // of the request's name
	text := fmt.Sprintln(r.status, h, string(r.body))
	return instance.ReplaceAllString(strings.ReplaceAll(text, string(id), "ORDER"), "REQUEST")
}

// expired returns a token that counted until a minute ago and has nothing else against it.
func (s shop) expired(w who) string {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(s.keys, edge.DevKeyFile))
	if err != nil {
		s.t.Fatal(err)
	}
	key, err := jwk.ParseKey(data)
	if err != nil {
		s.t.Fatal(err)
	}
	parts := strings.Split(s.token(w.customer, w.scopes, time.Hour), ".")
	header, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil {
		s.t.Fatal(err)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		s.t.Fatal(err)
	}
	payload = regexp.MustCompile(`"exp":\d+`).ReplaceAll(payload, fmt.Appendf(nil, `"exp":%d`, time.Now().Add(-time.Minute).Unix()))
	headers := jws.NewHeaders()
	if err := json.Unmarshal(header, headers); err != nil {
		s.t.Fatal(err)
	}
	token, err := jws.Sign(payload, jws.WithKey(jwa.EdDSA(), key, jws.WithProtectedHeaders(headers)))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(token)
}
