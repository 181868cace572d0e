package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/infra/httpapi"
	"orderflow/readmodels"
)

// TestPointers holds the places of faults against RFC 6901, in bodies that are
// read by hand and in those that are not.
func TestPointers(t *testing.T) {
	s := begin(t)
	line := func(l string) string {
		return `{"customer":"a","payment_token":"t","lines":[{"sku":"A","quantity":1},` + l + `]}`
	}
	for _, c := range []struct{ path, body, pointer, detail string }{
		{"/v1/orders", `[]`, "", "body: expected an object, not an array"},
		{"/v1/orders", `{"customer":"a","lines":{}}`, "/lines", "/lines: expected an array, not an object"},
		{"/v1/orders", line(`[]`), "/lines/1", "/lines/1: expected an object, not an array"},
		{"/v1/orders", line(`{"sku":"B","quantity":"1"}`), "/lines/1/quantity", "/lines/1/quantity: expected an integer, not a string"},
		{"/v1/orders", line(`{"quantity":1.5,"sku":"B"}`), "/lines/1/quantity", ": expected an integer, not the number 1.5"},
		{"/v1/orders", line(`{"sku":true,"quantity":1}`), "/lines/1/sku", "/lines/1/sku: expected a string, not a boolean"},
		{"/v1/orders", line(`{"sku":"B","quantity":0}`), "/lines/1/quantity", "1 to 100000 units"},
		{"/v1/orders", line(`{"sku":"","quantity":1}`), "/lines/1/sku", "SKU"},
		{"/v1/orders", line(`{"sku":"B","quantity":1,"a/b~c":{}}`), "/lines/1/a~1b~0c", "no member"},
		{"/v1/orders", `{"customer":"","payment_token":"t","lines":[{"sku":"A","quantity":1}]}`, "/customer", "customer"},
		{"/v1/stock/receipts", `{"units":[{"sku":"A","quantity":1},{"sku":"B","quantity":0}]}`, "/units/1/quantity", "expected number >= 1"},
		{"/v1/stock/receipts", `{"units":[{"sku":"A"}]}`, "/units/0", "quantity"},
		{"/v1/stock/receipts", `{"units":[{"sku":"A","quantity":1,"x.y[0]/z":1}]}`, "/units/0/x.y[0]~1z", "unexpected"},
		{"/v1/stock/receipts", `[]`, "", "expected object"},
		{"/v1/stock/adjustments", `{"sku":"A","delta":1e30}`, "/delta", "/delta: expected an integer, not the number 1e30"},
		{"/v1/products", `{"sku":"A","name":"a","price":{"minor":"1","currency":"GBP"}}`, "/price/minor", "expected integer"},
	} {
		t.Run(c.body, func(t *testing.T) {
			r := s.call("POST", c.path, c.body, "Idempotency-Key", "k")
			p := checkProblem(t, s, r, http.StatusUnprocessableEntity, "invalid-request")
			if len(p.Errors) != 1 || p.Errors[0].Pointer != c.pointer || p.Errors[0].Parameter != "" || !strings.Contains(p.Detail, c.detail) {
				t.Errorf("%s", r.body)
			}
			for _, leak := range []string{"httpapi", "Go ", "body.", "int64"} {
				if strings.Contains(string(r.body), leak) {
					t.Errorf("it speaks of %q: %s", leak, r.body)
				}
			}
		})
	}
}

func TestParametersAreNamed(t *testing.T) {
	s := begin(t)
	s.sell("TEAPOT")
	o := s.place("k")
	for _, c := range []struct{ path, parameter, detail string }{
		{"/v1/orders?limit=1000", "limit", "expected number <= 100"},
		{"/v1/orders?costumer=ada", "costumer", `"costumer" here. There are cursor, customer, from, limit, position, status, to.`},
		{"/v1/orders?customer=ada&Status=placed", "Status", "There are"},
		{o.TrackingURL + "?verion=1", "verion", "There are at, position, version."},
		{o.TrackingURL + "/watch?from=1", "from", "takes none"},
		{"/healthz/live?x", "x", "takes none"},
	} {
		p := checkProblem(t, s, s.call("GET", c.path, ""), http.StatusUnprocessableEntity, "invalid-request")
		if len(p.Errors) != 1 || p.Errors[0].Parameter != c.parameter || p.Errors[0].Pointer != "" || !strings.Contains(p.Detail, c.detail) {
			t.Errorf("%s: %+v", c.path, p)
		}
	}
	checkProblem(t, s, s.call("GET", "/v1/orders?a=%zz", ""), http.StatusUnprocessableEntity, "invalid-request")
	checkProblem(t, s, s.call("POST", "/v1/orders?wait=5", anOrder, "Idempotency-Key", "k3"), http.StatusUnprocessableEntity, "invalid-request")
}

func TestOddMethodsAreNamed(t *testing.T) {
	s := begin(t)
	p := checkProblem(t, s, s.call("BREW", "/v1/orders", ""), http.StatusMethodNotAllowed, "method-not-allowed")
	if p.Detail != "BREW is not possible here; possible are GET, HEAD, POST." {
		t.Error(p.Detail)
	}
}

// TestImportedOrdersAsTheyWereRecorded asks at times between an invoice and its import.
func TestImportedOrdersAsTheyWereRecorded(t *testing.T) {
	s := begin(t)
	s.sell("TEAPOT")
	placed := time.Date(2011, 1, 2, 3, 4, 0, 0, time.UTC)
	c := commands.PlaceOrder{
		Customer: "17850", PaymentToken: "t", IdempotencyKey: "536365", PlacedAt: placed, History: &commands.History{Currency: "GBP"},
		Lines: []commands.OrderLine{{SKU: "TEAPOT", Quantity: 1, PriceMinor: new(int64(250))}},
	}
	before := time.Now()
	s.send(c)
	path := "/v1/orders/" + string(c.OrderID())
	r := s.call("GET", path+"?at=2011-06-01T00:00:00Z", "")
	p := checkProblem(t, s, r, http.StatusNotFound, "not-found")
	_, text, _ := strings.Cut(strings.TrimSuffix(p.Detail, "."), "The order did not exist then: it was recorded at ")
	recorded, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || recorded.Before(before.Add(-time.Second)) || recorded.After(time.Now().Add(time.Second)) {
		t.Fatalf("%q: %v", p.Detail, err)
	}
	if o := read[shownOrder](t, s.call("GET", path+"?at="+url.QueryEscape(text), ""), http.StatusOK); o.Version != 1 {
		t.Errorf("at the time that was named it is %+v", o)
	}
}

// rows is sales of one article in many currencies.
type rows struct {
	readmodels.Readers
	n int
}

func (r rows) Sales(_ context.Context, from, until time.Time) (days []readmodels.SalesDay, err error) {
	for d := from; d.Before(until); d = d.AddDate(0, 0, 1) {
		for i := range r.n {
			days = append(days, readmodels.SalesDay{Day: d, Currency: fmt.Sprintf("C%02d", i), Orders: 1})
		}
	}
	if len(days) > readmodels.MaxSalesDays {
		return nil, domain.Errorf(domain.Exhausted, "too many")
	}
	return days, nil
}

func TestSalesHaveALimit(t *testing.T) {
	s := begin(t, func(c *httpapi.Config) { c.Views = rows{c.Views, 9} })
	for _, q := range []string{"from=0001-01-01&to=9999-12-31", "from=2024-01-01&to=2025-01-02", "from=0001-01-01"} {
		p := checkProblem(t, s, s.call("GET", "/v1/sales?"+q, ""), http.StatusUnprocessableEntity, "invalid-request")
		if !strings.Contains(p.Detail, "366 days") {
			t.Error(p.Detail)
		}
	}
	type day struct{ Day, Currency string }
	var all []day
	pages := 0
	for path := "/v1/sales?from=2024-01-01&to=2025-01-01"; path != ""; pages++ {
		r := s.call("GET", path, "")
		got := read[struct{ Days []day }](t, r, http.StatusOK)
		if len(got.Days) > 1_000 {
			t.Fatalf("%d rows in one answer", len(got.Days))
		}
		all = append(all, got.Days...)
		path = strings.TrimSuffix(strings.TrimPrefix(r.header.Get("Link"), "<"), `>; rel="next"`)
	}
	sorted := slices.IsSortedFunc(all, func(a, b day) int { return strings.Compare(a.Day+a.Currency, b.Day+b.Currency) })
	if pages != 4 || len(all) != 366*9 || !sorted || len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Errorf("%d rows on %d pages, sorted %t", len(all), pages, sorted)
	}
	many := begin(t, func(c *httpapi.Config) { c.Views = rows{c.Views, 11} })
	checkProblem(t, many, many.call("GET", "/v1/sales?from=2024-01-01&to=2025-01-01", ""), http.StatusUnprocessableEntity, "invalid-request")
}

// TestNoListIsEndless asks every list for more than a page.
func TestNoListIsEndless(t *testing.T) {
	s := begin(t)
	s.sell("TEAPOT")
	o := s.place("k")
	var doc struct {
		Paths map[string]map[string]struct {
			Parameters []struct {
				Name   string
				Schema struct{ Maximum float64 }
			}
		}
	}
	if err := json.Unmarshal(s.call("GET", "/openapi.json", "").body, &doc); err != nil {
		t.Fatal(err)
	}
	for path, most := range map[string]float64{
		"/v1/orders": 100, "/v1/products": 100, "/v1/stock": 100, "/v1/fulfilments/attention": 100, "/v1/sales": 1_000, "/v1/orders/{id}/events": 200,
	} {
		documented := 0.0
		for _, p := range doc.Paths[path]["get"].Parameters {
			if p.Name == "limit" {
				documented = p.Schema.Maximum
			}
		}
		if documented != most {
			t.Errorf("%s documents a limit of %v, not %v", path, documented, most)
		}
		r := s.call("GET", strings.Replace(path, "{id}", string(o.OrderID), 1)+fmt.Sprintf("?limit=%v", most+1), "")
		checkProblem(t, s, r, http.StatusUnprocessableEntity, "invalid-request")
	}
}

// TestProductCommandsAreIdempotentByContent pins what the document says of
// keys: where it names none, none is looked at.
func TestProductCommandsAreIdempotentByContent(t *testing.T) {
	s := begin(t)
	s.sell("TEAPOT")
	reprice := func(minor, key string) reply {
		return s.call("POST", "/v1/products/TEAPOT/price", `{"price":{"minor":`+minor+`,"currency":"GBP"}}`, "Idempotency-Key", key)
	}
	for _, c := range []struct{ minor, key, replayed string }{
		{"400", "ra", ""}, {"400", "rc", "true"}, {"500", "rb", ""}, {"400", "ra", ""},
	} {
		if r := reprice(c.minor, c.key); r.status != http.StatusOK || r.header.Get("Idempotency-Replayed") != c.replayed {
			t.Errorf("%s under %s: %d, replayed %q", c.minor, c.key, r.status, r.header.Get("Idempotency-Replayed"))
		}
	}
	for path, item := range s.api.OpenAPI().Paths {
		if !strings.HasPrefix(path, "/v1/products") {
			continue
		}
		for _, op := range []*huma.Operation{item.Post, item.Delete} {
			if op != nil && !strings.Contains(op.Description, "Idempotent by content") {
				t.Errorf("%s does not say what a repeat does", op.OperationID)
			}
		}
	}
}

// TestRepeatWhileTheFirstWaits gets the answer of the first while that one is
// still held back: the order is durable by then.
func TestRepeatWhileTheFirstWaits(t *testing.T) {
	s := begin(t)
	s.sell("TEAPOT")
	id := commands.PlaceOrder{Customer: "ada", IdempotencyKey: "w"}.OrderID()
	positions, stop := s.runner.Changes().Watch(id)
	defer stop()
	first := make(chan reply, 1)
	go func() {
		first <- s.call("POST", "/v1/orders", anOrder, "Idempotency-Key", "w", "Prefer", "wait=30")
	}()
	select {
	case <-positions: // it is recorded, and the first caller waits
	case r := <-first:
		t.Fatalf("the first did not wait: %d %s", r.status, r.body)
	}
	again := s.call("POST", "/v1/orders", anOrder, "Idempotency-Key", "w")
	if p := read[placedOrder](t, again, http.StatusAccepted); p.OrderID != id || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("the repeat is answered %d %s", again.status, again.body)
	}
	s.confirm(id)
	if r := <-first; r.status != http.StatusOK || r.header.Get("Idempotency-Replayed") != "" {
		t.Errorf("the first is answered %d %s", r.status, r.body)
	}
	page := string(s.call("GET", "/problems/request-in-flight", "").body)
	if !strings.Contains(page, "not recorded yet") || strings.Contains(page, "has not been answered yet") {
		t.Errorf("the page says %s", page)
	}
}
