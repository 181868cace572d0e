package httpapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
)

func TestPlaceAndGet(t *testing.T) {
	s := begin(t)
	s.sell("TEAPOT")
	r := s.call("POST", "/v1/orders", anOrder, "Idempotency-Key", `"k1"`)
	p := read[placedOrder](t, r, http.StatusAccepted)
	if p.Status != "ACCEPTED" || r.header.Get("Location") != "/v1/orders/"+string(p.OrderID) || p.TrackingURL != r.header.Get("Location") {
		t.Errorf("answered %+v with Location %q", p, r.header.Get("Location"))
	}
	if r.header.Get("Orderflow-Position") != at(p.Position) || p.Position == 0 {
		t.Errorf("position %q in the header, %d in the body", r.header.Get("Orderflow-Position"), p.Position)
	}
	g := s.call("GET", p.TrackingURL, "", "Orderflow-Position", at(p.Position))
	o := read[shownOrder](t, g, http.StatusOK)
	if o.Status != "placed" || o.Customer != "ada" || o.Total.Minor != 500 || o.Version != 1 {
		t.Errorf("the order reads %+v", o)
	}
	if tag := g.header.Get("ETag"); tag != r.header.Get("ETag") {
		t.Errorf("ETag %s when placed, %s when read", r.header.Get("ETag"), tag)
	}
	if again := s.call("GET", p.TrackingURL, "", "If-None-Match", g.header.Get("ETag")); again.status != http.StatusNotModified || len(again.body) > 0 {
		t.Errorf("If-None-Match: status %d, %d bytes", again.status, len(again.body))
	}
	if head := s.call("HEAD", p.TrackingURL, ""); head.status != http.StatusOK || len(head.body) > 0 {
		t.Errorf("HEAD: status %d, %d bytes", head.status, len(head.body))
	}
}

func TestCancelAndReturn(t *testing.T) {
	s := begin(t)
	s.sell("TEAPOT")
	p := s.place("k1")
	if r := s.call("POST", p.TrackingURL+"/returns", `{"lines":[{"line":0,"quantity":1}]}`, "Idempotency-Key", "r1"); r.status != http.StatusConflict {
		t.Errorf("a return before confirmation: status %d: %s", r.status, r.body)
	}
	s.confirm(p.OrderID)
	first := s.call("POST", p.TrackingURL+"/returns", `{"lines":[{"line":0,"quantity":1}]}`, "Idempotency-Key", "r1", "If-Match", `"2"`)
	if first.status != http.StatusAccepted || first.header.Get("Idempotency-Replayed") != "" {
		t.Fatalf("return: status %d: %s", first.status, first.body)
	}
	if again := s.call("POST", p.TrackingURL+"/returns", `{"lines":[{"line":0,"quantity":1}]}`, "Idempotency-Key", "r1"); again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("a repeated return is not marked: %d %s", again.status, again.body)
	}
	if other := s.call("POST", p.TrackingURL+"/returns", `{"lines":[{"line":0,"quantity":2}]}`, "Idempotency-Key", "r1"); other.status != http.StatusUnprocessableEntity {
		t.Errorf("another return under the same key: status %d: %s", other.status, other.body)
	}
	o := read[shownOrder](t, s.call("GET", p.TrackingURL, "", "Orderflow-Position", first.header.Get("Orderflow-Position")), http.StatusOK)
	if o.Lines[0].Returned != 1 || o.Version != 3 {
		t.Errorf("after the return the order reads %+v", o)
	}
	q := s.place("k2")
	if r := s.call("POST", q.TrackingURL+"/cancel", "", "If-Match", `"7"`); r.status != http.StatusPreconditionFailed {
		t.Errorf("cancel at a stale version: status %d: %s", r.status, r.body)
	}
	if r := s.call("POST", q.TrackingURL+"/cancel", "", "If-Match", `"1.4"`); r.status != http.StatusAccepted {
		t.Errorf("cancel: status %d: %s", r.status, r.body)
	}
	if r := s.call("POST", q.TrackingURL+"/cancel", `{"detail":"no longer needed"}`); r.status != http.StatusAccepted || r.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("cancel again: status %d: %s", r.status, r.body)
	}
}

func TestOrderAsItWas(t *testing.T) {
	s := begin(t)
	s.sell("TEAPOT")
	p := s.place("k1")
	between := time.Now()
	s.book(p.OrderID)
	s.confirm(p.OrderID)
	last := s.send(commands.CancelOrder{Order: p.OrderID})
	for _, c := range []struct {
		query, status string
		version       int64
	}{
		{"version=1", "placed", 1},
		{"version=2", "confirmed", 2},
		{"version=3", "cancelling", 3},
		{"at=" + url.QueryEscape(between.Format(time.RFC3339Nano)), "placed", 1},
		{"at=2100-01-01T00:00:00Z", "cancelling", 3},
	} {
		o := read[shownOrder](t, s.call("GET", p.TrackingURL+"?"+c.query, ""), http.StatusOK)
		if o.Status != c.status || o.Version != c.version {
			t.Errorf("%s: %s at version %d, not %s at %d", c.query, o.Status, o.Version, c.status, c.version)
		}
	}
	now := s.call("GET", p.TrackingURL+"?position="+position(last.Position), "")
	then := s.call("GET", p.TrackingURL+"?version=3", "")
	if string(now.body) != string(then.body) {
		t.Errorf("the view and the fold differ:\n%s%s", now.body, then.body)
	}
	for _, q := range []string{"version=4", "at=2000-01-01T00:00:00Z"} {
		if r := s.call("GET", p.TrackingURL+"?"+q, ""); r.status != http.StatusNotFound {
			t.Errorf("%s: status %d", q, r.status)
		}
	}
}

func TestListOrders(t *testing.T) {
	s := begin(t)
	s.sell("TEAPOT")
	want := map[domain.OrderID]bool{}
	var last placedOrder
	for _, key := range []string{"a", "b", "c", "d", "e"} {
		last = s.place(key)
		want[last.OrderID] = true
	}
	path, pages := "/v1/orders?customer=ada&limit=2&position="+at(last.Position), 0
	for path != "" {
		r := s.call("GET", path, "")
		for _, o := range read[shownPage](t, r, http.StatusOK).Items {
			if !want[o.OrderID] {
				t.Errorf("%s comes twice, or was never placed", o.OrderID)
			}
			delete(want, o.OrderID)
		}
		link := r.header.Get("Link")
		path, pages = strings.TrimSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`), pages+1
	}
	if len(want) > 0 || pages != 3 {
		t.Errorf("%d orders missing after %d pages", len(want), pages)
	}
	for _, q := range []string{"status=confirmed", "customer=bob", "to=2000-01-01T00:00:00Z"} {
		if p := read[shownPage](t, s.call("GET", "/v1/orders?"+q, ""), http.StatusOK); len(p.Items) != 0 || p.Next != "" {
			t.Errorf("%s lists %d orders", q, len(p.Items))
		}
	}
}

func TestPreferWait(t *testing.T) {
	s := begin(t)
	s.sell("TEAPOT")
	id := commands.PlaceOrder{Customer: "ada", IdempotencyKey: "w1"}.OrderID()
	positions, stop := s.runner.Changes().Watch(id)
	defer stop()
	answered := make(chan reply, 1)
	go func() {
		answered <- s.call("POST", "/v1/orders", anOrder, "Idempotency-Key", "w1", "Prefer", "respond-async, wait=30")
	}()
	var r reply
	select {
	case <-positions: // placed, and in the view
		s.confirm(id)
		r = <-answered
	case r = <-answered:
	}
	p := read[placedOrder](t, r, http.StatusOK)
	if p.Status != "SUCCESS" || p.PaymentID != "pay_1" || p.EstimatedDelivery.IsZero() || r.header.Get("Preference-Applied") != "wait=30" {
		t.Errorf("settled as %+v", p)
	}
	if p := read[placedOrder](t, s.call("POST", "/v1/orders", anOrder, "Idempotency-Key", "w2", "Prefer", "wait=0"), http.StatusAccepted); p.Status != "ACCEPTED" {
		t.Errorf("not waiting says %+v", p)
	}
}

func TestPreferWaitOutOfStock(t *testing.T) {
	s := begin(t)
	s.sell("TEAPOT")
	p := s.place("w1")
	last := s.send(commands.RejectOrder{Order: p.OrderID, Reason: domain.OutOfStock})
	if err := s.runner.Await(t.Context(), "orders", last.Position); err != nil {
		t.Fatal(err)
	}
	r := s.call("POST", "/v1/orders", anOrder, "Idempotency-Key", "w1", "Prefer", "wait=5")
	if p := read[placedOrder](t, r, http.StatusOK); p.Status != "OUT_OF_STOCK" || p.Message != "Some items are out of stock" || r.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("settled as %+v", p)
	}
}

// TestAnOrderAsOfNowIsTheView places an order a second time in its stream, as a store
// does that took a deleted stream for a new one: neither the view nor the fold up to a
// version shows its lines twice.
func TestAnOrderAsOfNowIsTheView(t *testing.T) {
	s := begin(t)
	s.sell("TEAPOT")
	p := s.place("again")
	stream := order.Stream(p.OrderID)
	again, err := order.Codec.Encode(order.Placed{Order: p.OrderID, Lines: []order.Line{{SKU: "CUP", Quantity: 9}}})
	if err != nil {
		t.Fatal(err)
	}
	again.ID = eventlog.NewEventID("again", stream, 1)
	if _, err := s.log.Append(t.Context(), stream, 1, again); err != nil {
		t.Fatal(err)
	}
	confirmed, err := order.Codec.Encode(order.Confirmed{PaymentReference: "pay", Tracking: "t", EstimatedDelivery: time.Date(2011, 1, 2, 3, 4, 5, 6, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	confirmed.ID = eventlog.NewEventID("confirmed", stream, 2)
	last, err := s.log.Append(t.Context(), stream, 2, confirmed)
	if err != nil {
		t.Fatal(err)
	}
	now := s.call("GET", p.TrackingURL+"?position="+position(last.Position), "")
	then := s.call("GET", p.TrackingURL+"?version=3", "")
	if string(now.body) != string(then.body) || !strings.Contains(string(now.body), "TEAPOT") || strings.Contains(string(now.body), "CUP") {
		t.Errorf("the view and the fold differ:\n%s%s", now.body, then.body)
	}
}
