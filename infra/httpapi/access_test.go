package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
	"orderflow/infra/httpapi"
)

const anOwnOrder = `{"payment_token":"tok_visa","lines":[{"sku":"TEAPOT","quantity":1}]}`

// customer returns a caller with one scope, orders.
func (s shop) customer(name string) who {
	return who{name: name, customer: name, scopes: "orders", token: s.token(name, "orders", time.Hour)}
}

func (s shop) clerk(scopes string) who {
	return who{name: scopes, scopes: scopes, token: s.token("", scopes, time.Hour)}
}

// TestARouteWithoutARowIsNotServed tries what must not be possible: the
// program does not start.
func TestARouteWithoutARowIsNotServed(t *testing.T) {
	for name, try := range map[string]func(){
		"a route without a row":   func() { httpapi.ServeWithoutRow(false) },
		"a route past the gate":   func() { httpapi.ServeWithoutRow(true) },
		"a row without its route": httpapi.LeaveARowBehind,
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s is taken", name)
				}
			}()
			try()
		}()
	}
}

// TestDocumentSaysWhoMayUseWhat holds the OpenAPI document against the matrix.
func TestDocumentSaysWhoMayUseWhat(t *testing.T) {
	s := begin(t)
	var doc struct {
		Paths      map[string]map[string]struct{ Security []map[string][]string }
		Components struct{ SecuritySchemes map[string]map[string]string }
	}
	if err := json.Unmarshal(s.call("GET", "/openapi.json", "").body, &doc); err != nil {
		t.Fatal(err)
	}
	if scheme := doc.Components.SecuritySchemes["bearer"]; scheme["type"] != "http" || scheme["scheme"] != "bearer" || scheme["bearerFormat"] != "JWT" {
		t.Errorf("the scheme is %v", scheme)
	}
	for path, ops := range doc.Paths {
		for method, op := range ops {
			name := strings.ToUpper(method) + " " + path
			var want []map[string][]string
			switch who := matrix[name].who; who {
			case "everyone":
			case "anyone":
				want = []map[string][]string{{"bearer": {}}}
			default:
				for _, scope := range append(strings.Fields(who), "admin") {
					want = append(want, map[string][]string{"bearer": {scope}})
				}
			}
			if fmt.Sprint(op.Security) != fmt.Sprint(want) {
				t.Errorf("%s: security %v, not %v", name, op.Security, want)
			}
		}
	}
}

// TestAnOwnOrderIsSeenAtOnce places orders and asks for them before the views can know.
func TestAnOwnOrderIsSeenAtOnce(t *testing.T) {
	s := openShop(t)
	ada := s.customer("ada")
	for i := range 20 {
		key := fmt.Sprint("order-", i)
		placed := read[placedOrder](t, s.askOnce(ada, "POST", "/v1/orders", anOwnOrder, "Idempotency-Key", key), http.StatusAccepted)
		got := s.askOnce(ada, "GET", "/v1/orders/"+string(placed.OrderID), "", "Orderflow-Position", at(placed.Position))
		if o := read[shownOrder](t, got, http.StatusOK); o.Customer != "ada" {
			t.Fatalf("it is %q's", o.Customer)
		}
		if got := s.askOnce(ada, "GET", "/v1/orders/"+string(placed.OrderID)+"/watch", ""); got.status != http.StatusOK {
			t.Fatalf("watching: %d", got.status)
		}
	}
}

// TestKeysBelongToTheirCustomer repeats one customer's key as another.
func TestKeysBelongToTheirCustomer(t *testing.T) {
	s := openShop(t)
	ada, bob := s.customer("ada"), s.customer("bob")
	first := read[placedOrder](t, s.askOnce(ada, "POST", "/v1/orders", anOwnOrder, "Idempotency-Key", "k"), http.StatusAccepted)
	other := s.askOnce(bob, "POST", "/v1/orders", anOwnOrder, "Idempotency-Key", "k")
	if o := read[placedOrder](t, other, http.StatusAccepted); o.OrderID == first.OrderID || other.header.Get("Idempotency-Replayed") != "" {
		t.Errorf("another customer's key found the order %s", first.OrderID)
	}
	again := s.askOnce(ada, "POST", "/v1/orders", strings.Replace(anOwnOrder, "{", `{"customer":"ada",`, 1), "Idempotency-Key", "k")
	if o := read[placedOrder](t, again, http.StatusAccepted); o.OrderID != first.OrderID || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("with the customer named it is another order: %s, not %s", o.OrderID, first.OrderID)
	}
	if got := s.askOnce(s.clerk("support"), "POST", "/v1/orders", anOwnOrder, "Idempotency-Key", "k"); got.status != http.StatusUnprocessableEntity {
		t.Errorf("an order for nobody: %d %s", got.status, got.body)
	}
	spoofed := s.askOnce(bob, "POST", "/v1/orders", strings.Replace(anOwnOrder, "{", `{"customer":"ada",`, 1), "Idempotency-Key", "k")
	if spoofed.status != http.StatusForbidden || strings.Contains(string(spoofed.body), string(first.OrderID)) {
		t.Errorf("an order for another customer: %d %s", spoofed.status, spoofed.body)
	}
}

// TestEventsSayWhoAsked looks for the caller in what was recorded.
func TestEventsSayWhoAsked(t *testing.T) {
	s := openShop(t)
	placed := read[placedOrder](t, s.askOnce(s.customer("ada"), "POST", "/v1/orders", anOwnOrder, "Idempotency-Key", "k"), http.StatusAccepted)
	grace, err := s.issuer.Token("grace@shop.example", "", []string{"support"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	support := who{name: "grace", scopes: "support", token: grace}
	cancel := s.askOnce(support, "POST", "/v1/orders/"+string(placed.OrderID)+"/cancel", `{"reason":"operator_asked"}`)
	if cancel.status != http.StatusAccepted {
		t.Fatalf("%d %s", cancel.status, cancel.body)
	}
	byPhone := strings.Replace(anOwnOrder, "{", `{"customer":"ada",`, 1)
	phoned := read[placedOrder](t, s.askOnce(support, "POST", "/v1/orders", byPhone, "Idempotency-Key", "phone"), http.StatusAccepted)
	var actors []string
	for _, id := range []domain.OrderID{placed.OrderID, phoned.OrderID} {
		for r, err := range s.log.Read(t.Context(), order.Stream(id), 0) {
			if err != nil {
				t.Fatal(err)
			}
			actors = append(actors, r.Meta.Actor)
		}
	}
	if want := []string{"sub-ada", "grace@shop.example", "grace@shop.example"}; !slices.Equal(actors, want) {
		t.Errorf("the actors are %q, not %q", actors, want)
	}
}

// TestTheOperatorsReasonIsNotTheCustomers asks to cancel in another's name.
func TestTheOperatorsReasonIsNotTheCustomers(t *testing.T) {
	s := openShop(t)
	id := s.orderOf("ada", "k")
	got := s.askOnce(s.customer("ada"), "POST", "/v1/orders/"+string(id)+"/cancel", `{"reason":"operator_asked"}`)
	if got.status != http.StatusForbidden {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got = s.askOnce(s.customer("ada"), "POST", "/v1/orders/"+string(id)+"/cancel", `{"reason":"customer_asked"}`); got.status != http.StatusAccepted {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// TestNothingOfAnothersOrderIsTold asks for an order in every way that a query
// and a header give, as its owner's neighbour, and for one that is not there.
func TestNothingOfAnothersOrderIsTold(t *testing.T) {
	s := openShop(t)
	bob, absent := s.customer("bob"), domain.OrderID("ord_"+strings.Repeat("0", 26))
	there := s.orderOf("ada", "k")
	s.confirm(there)
	end, err := s.log.End(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tag := s.call("GET", "/v1/orders/"+string(there), "", "Authorization", "Bearer "+s.customer("ada").token, "Orderflow-Position", position(end)).header.Get("ETag")
	if tag == "" {
		t.Fatal("the owner gets no ETag")
	}
	for _, ask := range [][]string{
		{"GET", ""},
		{"GET", "?version=1"},
		{"GET", "?version=99"},
		{"GET", "?at=2026-01-01T00:00:00Z"},
		{"GET", "?at=nonsense"},
		{"GET", "?position=99999999"},
		{"GET", "?nonsense=1"},
		{"GET", "", "If-None-Match", tag},
		{"GET", "", "If-None-Match", "*"},
		{"HEAD", ""},
		{"GET", "/events"},
		{"GET", "/events?limit=1"},
		{"GET", "/events?limit=nonsense"},
		{"GET", "/events?cursor=nonsense"},
		{"GET", "/watch"},
		{"GET", "/watch", "Last-Event-ID", "1"},
		{"GET", "/watch", "Last-Event-ID", "nonsense"},
		{"POST", "/cancel"},
		{"POST", "/cancel", "If-Match", tag},
		{"POST", "/cancel", "If-Match", `"99"`},
		{"POST", "/returns"},
		{"POST", "/returns", "Idempotency-Key", "k"},
		{"POST", "/returns", "Content-Type", "text/plain"},
	} {
		var said [2]string
		for i, id := range []domain.OrderID{there, absent} {
			got := s.askOnce(bob, ask[0], "/v1/orders/"+string(id)+ask[1], "", ask[2:]...)
			if got.status != http.StatusNotFound {
				t.Errorf("%v: %d %s", ask, got.status, got.body)
			}
			said[i] = sameWords(got, id)
		}
		if said[0] != said[1] {
			t.Errorf("%v tells an order of another from none:\n%s\n%s", ask, said[0], said[1])
		}
	}
}

// TestCursorsDoNotLeak follows another's pages.
func TestCursorsDoNotLeak(t *testing.T) {
	s := openShop(t)
	for i := range 3 {
		s.orderOf("ada", fmt.Sprint("a", i))
		s.orderOf("bob", fmt.Sprint("b", i))
	}
	end, err := s.log.End(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ada, bob, support := s.customer("ada"), s.customer("bob"), s.clerk("support")
	list := func(w who, q url.Values) reply {
		q.Set("position", position(end))
		return s.askOnce(w, "GET", "/v1/orders?"+q.Encode(), "")
	}
	all := read[shownPage](t, list(support, url.Values{"limit": {"1"}}), http.StatusOK)
	adas := read[shownPage](t, list(support, url.Values{"limit": {"1"}, "customer": {"ada"}}), http.StatusOK)
	own := list(ada, url.Values{"limit": {"1"}})
	if got := read[shownPage](t, own, http.StatusOK); len(got.Items) != 1 || got.Items[0].Customer != "ada" || got.Next == "" || !strings.Contains(own.header.Get("Link"), "customer=ada") {
		t.Fatalf("the own first page is %s, %s", own.body, own.header.Get("Link"))
	}
	for name, q := range map[string]url.Values{
		"everybody's":                 {"cursor": {all.Next}},
		"ada's":                       {"cursor": {adas.Next}},
		"ada's, for an own list":      {"cursor": {adas.Next}, "customer": {"bob"}},
		"everybody's, for a neighbor": {"cursor": {all.Next}, "customer": {"ada"}},
	} {
		if got := list(bob, q); got.status != http.StatusBadRequest || !strings.Contains(string(got.body), "invalid-cursor") {
			t.Errorf("bob follows %s: %d %s", name, got.status, got.body)
		}
	}
	if got := read[shownPage](t, list(bob, url.Values{"cursor": {adas.Next}, "customer": {"ada"}}), http.StatusOK); len(got.Items) != 0 || got.Next != "" {
		t.Errorf("bob reads ada's second page: %+v", got)
	}
	second := read[shownPage](t, list(ada, url.Values{"cursor": {adas.Next}, "limit": {"1"}}), http.StatusOK)
	if len(second.Items) != 1 || second.Items[0].Customer != "ada" {
		t.Errorf("ada's second page is %+v", second)
	}
}

// TestAWatchEndsWithItsToken watches with a token that is about to expire.
func TestAWatchEndsWithItsToken(t *testing.T) {
	s := openShop(t)
	id := s.orderOf("ada", "k")
	token := s.token("ada", "orders", 2*time.Second)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/v1/orders/"+string(id)+"/watch", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	events := 0
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "event:") {
			events++
		}
	}
	if ctx.Err() != nil || events != 1 {
		t.Errorf("the watch told %d events; %v", events, ctx.Err())
	}
}

// brokenLog cannot be read.
type brokenLog struct{ eventlog.Store }

func (brokenLog) Read(context.Context, eventlog.Stream, eventlog.Version) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		yield(eventlog.Recorded{}, domain.Errorf(domain.Unavailable, "The log cannot be read now."))
	}
}

// TestWhoseIsNotKnownIsNotLetThrough asks while the log cannot say whose an order is.
func TestWhoseIsNotKnownIsNotLetThrough(t *testing.T) {
	s := begin(t, func(c *httpapi.Config) { c.Log = brokenLog{c.Log} })
	ada := commands.WithCaller(t.Context(), commands.Caller{Subject: "ada", Customer: "ada", Scopes: []string{"orders"}})
	for _, path := range []string{"", "/events", "/watch"} {
		r, err := http.NewRequestWithContext(ada, http.MethodGet, "/v1/orders/ord_"+strings.Repeat("0", 26)+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		s.api.ServeHTTP(w, r)
		if w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// TestACallerWithoutASubjectIsNobody is what an edge never sends.
func TestACallerWithoutASubjectIsNobody(t *testing.T) {
	s := begin(t)
	nobody := commands.WithCaller(t.Context(), commands.Caller{Scopes: []string{"admin"}})
	r, err := http.NewRequestWithContext(nobody, http.MethodGet, "/v1/products", nil)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	if s.api.ServeHTTP(w, r); w.Code != http.StatusUnauthorized {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
