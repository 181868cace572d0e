package httpapi_test

import (
	"context"
	"iter"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/domain/catalog"
	"orderflow/domain/eventlog"
	"orderflow/domain/fulfilment"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/domain/shipment"
	"orderflow/infra/httpapi"
)

// gone is a log one of whose streams may read as if it had never been begun.
type gone struct {
	eventlog.Store
	stream atomic.Pointer[eventlog.Stream]
}

func (g *gone) Read(ctx context.Context, s eventlog.Stream, above eventlog.Version) iter.Seq2[eventlog.Recorded, error] {
	if hidden := g.stream.Load(); hidden != nil && *hidden == s {
		return func(func(eventlog.Recorded, error) bool) {}
	}
	return g.Store.Read(ctx, s, above)
}

// Whatever needs the events of a truncated stream is answered with the problem
// that says so, and what the views know is still answered.
func TestTruncatedStreamsAreAProblem(t *testing.T) {
	for name, stream := range map[string]func(p placedOrder) eventlog.Stream{
		"order":   func(p placedOrder) eventlog.Stream { return order.Stream(p.OrderID) },
		"payment": func(p placedOrder) eventlog.Stream { return payment.Stream(p.OrderID) },
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t)
			s.sell("TEAPOT")
			p := s.place("k1")
			pay(t, s, p)
			last := s.confirm(p.OrderID)
			seen := p.TrackingURL + "?position=" + position(last.Position)
			read[shownOrder](t, s.call("GET", seen, ""), http.StatusOK)
			s.log.Scavenge(stream(p), 2)
			fresh := commands.NewLocal(s.log, nil) // as after a restart
			defer fresh.Close()
			s.bus.Orders, s.bus.Payments = fresh.Orders, fresh.Payments
			problems := []reply{
				s.call("GET", p.TrackingURL+"?version=2", ""),
				s.call("GET", p.TrackingURL+"?at=2100-01-01T00:00:00Z", ""),
				s.call("GET", p.TrackingURL+"/events", ""),
				s.call("GET", p.TrackingURL+"/watch", ""),
			}
			if name == "order" {
				problems = append(problems,
					s.call("POST", p.TrackingURL+"/cancel", ""),
					s.call("POST", p.TrackingURL+"/cancel", "", "If-Match", `"1"`),
					s.call("POST", p.TrackingURL+"/resume", `{"by":"ops"}`),
					s.call("POST", p.TrackingURL+"/returns", `{"lines":[{"line":0,"quantity":1}]}`, "Idempotency-Key", "r1"),
					s.call("POST", "/v1/orders", `{"customer":"ada","payment_token":"tok_visa","lines":[{"sku":"TEAPOT","quantity":1}]}`, "Idempotency-Key", "k1"))
			}
			for _, r := range problems {
				checkProblem(t, s, r, http.StatusInternalServerError, "incomplete-stream")
			}
			if o := read[shownOrder](t, s.call("GET", seen, ""), http.StatusOK); o.Status != "confirmed" {
				t.Errorf("the view answers %+v", o)
			}
		})
	}
	t.Run("product", func(t *testing.T) {
		s := begin(t)
		s.sell("TEAPOT")
		s.send(commands.RepriceProduct{SKU: "TEAPOT", Price: domain.GBP(7)})
		s.log.Scavenge(catalog.Stream("TEAPOT"), 2)
		fresh := commands.NewLocal(s.log, nil)
		defer fresh.Close()
		s.bus.Products = fresh.Products
		s.bus.Prices = fresh.Prices
		checkProblem(t, s, s.call("POST", "/v1/orders", anOrder, "Idempotency-Key", "k1"), http.StatusInternalServerError, "incomplete-stream")
	})
}

// An order of which the log has nothing is not one that never was, if the view
// knows it.
func TestDeletedOrderIsAProblem(t *testing.T) {
	log := &gone{}
	s := begin(t, func(c *httpapi.Config) { log.Store = c.Log; c.Log = log })
	s.sell("TEAPOT")
	p := s.place("k1")
	read[shownOrder](t, s.call("GET", p.TrackingURL+"?position="+at(p.Position), ""), http.StatusOK)
	hidden := order.Stream(p.OrderID)
	log.stream.Store(&hidden)
	for _, r := range []reply{
		s.call("GET", p.TrackingURL+"?version=1", ""), s.call("GET", p.TrackingURL+"/events", ""), s.call("GET", p.TrackingURL+"/watch", ""),
		s.call("POST", p.TrackingURL+"/resume", `{"by":"ops"}`), s.call("POST", p.TrackingURL+"/cancel", "", "If-Match", `"1"`),
		s.call("POST", "/v1/orders", anOrder, "Idempotency-Key", "k1"),
	} {
		checkProblem(t, s, r, http.StatusInternalServerError, "incomplete-stream")
	}
	checkProblem(t, s, s.call("GET", "/v1/orders/ord_nothing/events", ""), http.StatusNotFound, "not-found")
}

// A stream of an order that was deleted is not left out of the order's events, not
// of a listing, a later page, the past or a watch, if the views know of it.
func TestDeletedStreamsOfAnOrderAreAProblem(t *testing.T) {
	for name, hidden := range map[string]func(domain.OrderID) eventlog.Stream{
		"order": order.Stream, "payment": payment.Stream, "fulfilment": fulfilment.Stream, "shipment": shipment.Stream,
	} {
		t.Run(name, func(t *testing.T) {
			log := &gone{}
			s := begin(t, func(c *httpapi.Config) { log.Store = c.Log; c.Log = log })
			s.sell("TEAPOT")
			p := s.place("k1")
			pay(t, s, p)
			if _, _, err := s.bus.Fulfilments.Transact(t.Context(), fulfilment.Stream(p.OrderID), cause(p.OrderID), fulfilment.CallAttention(fulfilment.StepCharge, "why")); err != nil {
				t.Fatal(err)
			}
			last := s.confirm(p.OrderID)
			read[shownOrder](t, s.call("GET", p.TrackingURL+"?position="+position(last.Position), ""), http.StatusOK)
			events := p.TrackingURL + "/events"
			first := read[struct {
				Items []struct{ Stream string }
				Next  string
			}](t, s.call("GET", events+"?limit=4", ""), http.StatusOK)
			if len(first.Items) != 4 || first.Next == "" {
				t.Fatalf("%+v", first)
			}
			stream := hidden(p.OrderID)
			log.stream.Store(&stream)
			for _, r := range []reply{
				s.call("GET", events, ""), s.call("GET", events+"?limit=4&cursor="+first.Next, ""), s.call("GET", p.TrackingURL+"/watch", ""),
			} {
				checkProblem(t, s, r, http.StatusInternalServerError, "incomplete-stream")
			}
			log.stream.Store(nil)
			if r := s.call("GET", events, ""); r.status != http.StatusOK {
				t.Errorf("once it is back: %+v", r)
			}
		})
	}
}

// pay records a payment of two events and a parcel.
func pay(t *testing.T, s *system, p placedOrder) {
	t.Helper()
	for _, decide := range []payment.Decision{
		payment.Start("sim", "key", domain.GBP(500), domain.Claim{}, time.Time{}), payment.Capture("sim", "pay_1", domain.GBP(500)),
	} {
		if _, _, err := s.bus.Payments.Transact(t.Context(), payment.Stream(p.OrderID), cause(p.OrderID), decide); err != nil {
			t.Fatal(err)
		}
	}
	s.book(p.OrderID)
}

// book records a parcel, without which no order is confirmed.
func (s *system) book(id domain.OrderID) {
	s.t.Helper()
	if _, _, err := s.bus.Shipments.Transact(s.t.Context(), shipment.Stream(id), cause(id), shipment.Book(shipment.Booked{Tracking: "t"})); err != nil {
		s.t.Fatal(err)
	}
}
