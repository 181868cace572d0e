package httpapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"orderflow/domain/fulfilment"
)

func TestProducts(t *testing.T) {
	s := begin(t)
	const sku, path = "BANK CHARGES/50%", "/v1/products/BANK%20CHARGES%2F50%25"
	listed := s.call("POST", "/v1/products", `{"sku":"`+sku+`","name":"Charges","price":{"minor":100,"currency":"GBP"}}`)
	if listed.status != http.StatusCreated {
		t.Fatalf("status %d: %s", listed.status, listed.body)
	}
	repriced := s.call("POST", path+"/price", `{"price":{"minor":150,"currency":"GBP"}}`)
	if repriced.status != http.StatusOK {
		t.Fatalf("reprice: status %d: %s", repriced.status, repriced.body)
	}
	type product struct {
		SKU    string
		Price  struct{ Minor int64 }
		Listed bool
	}
	g := s.call("GET", path, "", "Orderflow-Position", repriced.header.Get("Orderflow-Position"))
	if p := read[product](t, g, http.StatusOK); p.SKU != sku || p.Price.Minor != 150 || !p.Listed {
		t.Errorf("the product reads %+v", p)
	}
	if r := s.call("GET", path, "", "If-None-Match", g.header.Get("ETag")); r.status != http.StatusNotModified {
		t.Errorf("If-None-Match: status %d", r.status)
	}
	gone := s.call("DELETE", path, "")
	if gone.status != http.StatusOK {
		t.Errorf("delist: status %d: %s", gone.status, gone.body)
	}
	type pageOf struct{ Items []product }
	all := read[pageOf](t, s.call("GET", "/v1/products", "", "Orderflow-Position", gone.header.Get("Orderflow-Position")), http.StatusOK)
	onSale := read[pageOf](t, s.call("GET", "/v1/products?listed=true", ""), http.StatusOK)
	if len(all.Items) != 1 || len(onSale.Items) != 0 {
		t.Errorf("%d products, %d on sale", len(all.Items), len(onSale.Items))
	}
}

func TestCursorsBelongToTheirQuery(t *testing.T) {
	s := begin(t)
	s.sell("A", "B", "C")
	_ = s.call("POST", "/v1/orders", strings.Replace(anOrder, "TEAPOT", "A", 1), "Idempotency-Key", "1")
	last := s.call("POST", "/v1/orders", strings.Replace(anOrder, "TEAPOT", "A", 1), "Idempotency-Key", "2")
	type pageOf struct {
		Items []struct{ SKU string }
		Next  string
	}
	first := read[pageOf](t, s.call("GET", "/v1/stock?limit=2&position="+last.header.Get("Orderflow-Position"), ""), http.StatusOK)
	if len(first.Items) != 2 || first.Next == "" {
		t.Fatalf("the first page is %+v", first)
	}
	second := read[pageOf](t, s.call("GET", "/v1/stock?limit=2&cursor="+first.Next, ""), http.StatusOK)
	if len(second.Items) != 1 || second.Items[0].SKU != "C" || second.Next != "" {
		t.Errorf("the second page is %+v", second)
	}
	for _, path := range []string{"/v1/products?cursor=", "/v1/stock?warehouse=other&cursor=", "/v1/orders?cursor="} {
		checkProblem(t, s, s.call("GET", path+first.Next, ""), http.StatusBadRequest, "invalid-cursor")
	}
	for i := range first.Next {
		altered := []byte(first.Next)
		altered[i] ^= 1
		r := s.call("GET", "/v1/stock?cursor="+url.QueryEscape(string(altered)), "")
		if r.status != http.StatusBadRequest {
			t.Errorf("byte %d altered: status %d", i, r.status)
		}
	}
	elsewhere := begin(t) // has the same key, so cursors survive a restart
	if r := elsewhere.call("GET", "/v1/stock?cursor="+first.Next, ""); r.status != http.StatusOK {
		t.Errorf("after a restart: status %d", r.status)
	}
}

func TestOrderEvents(t *testing.T) {
	s := begin(t)
	s.sell("TEAPOT")
	p := s.place("k")
	if _, _, err := s.bus.Fulfilments.Transact(t.Context(), fulfilment.Stream(p.OrderID), cause(p.OrderID), fulfilment.CallAttention(fulfilment.StepReserve, "because")); err != nil {
		t.Fatal(err)
	}
	s.confirm(p.OrderID)
	type event struct {
		Position int64
		Type     string
	}
	type pageOf struct{ Items []event }
	var types []string
	before := int64(0)
	for path := p.TrackingURL + "/events?limit=1"; path != ""; {
		r := s.call("GET", path, "")
		for _, e := range read[pageOf](t, r, http.StatusOK).Items {
			if e.Position <= before {
				t.Errorf("position %d after %d", e.Position, before)
			}
			before = e.Position
			types = append(types, e.Type)
		}
		path = strings.TrimSuffix(strings.TrimPrefix(r.header.Get("Link"), "<"), `>; rel="next"`)
	}
	if got := strings.Join(types, " "); got != "order.placed.v1 fulfilment.needs_attention.v1 order.confirmed.v1" {
		t.Errorf("the events are %s", got)
	}
}

func TestAttentionAndResume(t *testing.T) {
	s := begin(t)
	s.sell("TEAPOT")
	p := s.place("k")
	_, stuck, err := s.bus.Fulfilments.Transact(t.Context(), fulfilment.Stream(p.OrderID), cause(p.OrderID), fulfilment.CallAttention(fulfilment.StepReserve, "because"))
	if err != nil {
		t.Fatal(err)
	}
	type list struct {
		Items []struct {
			Reason    string
			ResumeURL string `json:"resume_url"`
		}
		Attention int64
	}
	got := read[list](t, s.call("GET", "/v1/fulfilments/attention?position="+position(stuck.Position), ""), http.StatusOK)
	if len(got.Items) != 1 || got.Attention != 1 || got.Items[0].Reason != "because" {
		t.Fatalf("attention says %+v", got)
	}
	r := s.call("POST", got.Items[0].ResumeURL, `{"by":"olga","note":"mended"}`)
	got = read[list](t, s.call("GET", "/v1/fulfilments/attention", "", "Orderflow-Position", r.header.Get("Orderflow-Position")), http.StatusOK)
	if r.status != http.StatusAccepted || len(got.Items) != 0 {
		t.Errorf("after resume (%d) attention says %+v", r.status, got)
	}
}

func TestSales(t *testing.T) {
	s := begin(t)
	s.sell("TEAPOT")
	p := s.place("k")
	last := s.confirm(p.OrderID)
	type sales struct {
		Days []struct {
			Placed       int64
			Orders       int64
			RevenueMinor int64 `json:"revenue_minor"`
		}
	}
	got := read[sales](t, s.call("GET", "/v1/sales?position="+position(last.Position), ""), http.StatusOK)
	if len(got.Days) != 1 || got.Days[0].Orders != 1 || got.Days[0].RevenueMinor != 500 {
		t.Errorf("sales are %+v", got)
	}
}
