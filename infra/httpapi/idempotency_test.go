package httpapi_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"orderflow/commands"
	"orderflow/domain/order"
	"orderflow/infra/httpapi"
)

func TestRepeatIsTheSameAnswer(t *testing.T) {
	s := begin(t)
	s.sell("TEAPOT")
	first := s.call("POST", "/v1/orders", anOrder, "Idempotency-Key", `"k 1"`)
	s.confirm(read[placedOrder](t, first, http.StatusAccepted).OrderID) // what happened since does not matter
	for _, body := range []string{anOrder, strings.ReplaceAll(anOrder, ":", ": ")} {
		again := s.call("POST", "/v1/orders", body, "Idempotency-Key", "k 1")
		if again.status != first.status || string(again.body) != string(first.body) || again.header.Get("ETag") != first.header.Get("ETag") {
			t.Errorf("answered %d %s%s, then %d %s%s", first.status, first.header.Get("ETag"), first.body, again.status, again.header.Get("ETag"), again.body)
		}
		if again.header.Get("Idempotency-Replayed") != "true" || first.header.Get("Idempotency-Replayed") != "" {
			t.Error("the repeat is not marked, or the first is")
		}
	}
	other := s.call("POST", "/v1/orders", strings.Replace(anOrder, "ada", "bob", 1), "Idempotency-Key", "k 1")
	if p := read[placedOrder](t, other, http.StatusAccepted); other.header.Get("Idempotency-Replayed") != "" {
		t.Errorf("the key of another customer is the same key: %+v", p)
	}
}

func TestLongKeysStayApart(t *testing.T) {
	s := begin(t)
	s.sell("TEAPOT")
	long := strings.Repeat("k", 254)
	a, b := s.place(long+"a"), s.place(long+"b")
	if a.OrderID == b.OrderID {
		t.Error("two keys of 255 characters are one order")
	}
	if again := s.place(long + "a"); again.OrderID != a.OrderID {
		t.Error("the same long key is another order")
	}
}

// held lets commands through when told.
type held struct {
	commands.Bus
	entered chan struct{}
	leave   chan struct{}
}

func (h held) Send(ctx context.Context, c commands.Command) (commands.Reply, error) {
	if _, ok := c.(commands.PlaceOrder); ok {
		h.entered <- struct{}{}
		<-h.leave
	}
	return h.Bus.Send(ctx, c)
}

func TestInFlight(t *testing.T) {
	h := held{entered: make(chan struct{}), leave: make(chan struct{})}
	s := begin(t, func(c *httpapi.Config) { h.Bus = c.Bus; c.Bus = h })
	s.sell("TEAPOT")
	first := make(chan reply, 1)
	go func() { first <- s.call("POST", "/v1/orders", anOrder, "Idempotency-Key", "k") }()
	<-h.entered
	second := s.call("POST", "/v1/orders", anOrder, "Idempotency-Key", "k")
	close(h.leave)
	if r := <-first; r.status != http.StatusAccepted {
		t.Errorf("the first: status %d: %s", r.status, r.body)
	}
	checkProblem(t, s, second, http.StatusConflict, "request-in-flight")
}

func TestSameKeyFromManyAtOnce(t *testing.T) {
	s := begin(t)
	s.sell("TEAPOT")
	const clients = 32
	var all sync.WaitGroup
	replies := make([]reply, clients)
	for i := range replies {
		all.Go(func() { replies[i] = s.call("POST", "/v1/orders", anOrder, "Idempotency-Key", "k") })
	}
	all.Wait()
	fresh, bodies := 0, map[string]bool{}
	for _, r := range replies {
		switch r.status {
		case http.StatusAccepted:
			bodies[string(r.body)] = true
			if r.header.Get("Idempotency-Replayed") == "" {
				fresh++
			}
		case http.StatusConflict:
		default:
			t.Errorf("status %d: %s", r.status, r.body)
		}
	}
	events := 0
	for range s.log.ReadAll(t.Context(), 0, order.Category) {
		events++
	}
	if fresh != 1 || len(bodies) != 1 || events != 1 {
		t.Errorf("%d first answers, %d different bodies, %d events", fresh, len(bodies), events)
	}
}

func TestReceiptsAndAdjustmentsOnce(t *testing.T) {
	s := begin(t)
	for range 2 {
		s.call("POST", "/v1/stock/receipts", `{"units":[{"sku":"A/B C","quantity":10}]}`, "Idempotency-Key", "r1")
		s.call("POST", "/v1/stock/adjustments", `{"sku":"A/B C","delta":-3,"reason":"broken"}`, "Idempotency-Key", "a1")
	}
	last := s.call("POST", "/v1/stock/adjustments", `{"sku":"A/B C","delta":-3}`, "Idempotency-Key", "a1")
	if last.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("the repeat is not marked: %d %s", last.status, last.body)
	}
	for path, other := range map[string]string{
		"/v1/stock/receipts": `{"units":[{"sku":"A/B C","quantity":11}]}`, "/v1/stock/adjustments": `{"sku":"A/B C","delta":-4}`,
	} {
		key := map[bool]string{true: "r1", false: "a1"}[path == "/v1/stock/receipts"]
		if reused := s.call("POST", path, other, "Idempotency-Key", key); reused.status != http.StatusUnprocessableEntity {
			t.Errorf("%s with another body under the same key: %d %s", path, reused.status, reused.body)
		}
	}
	type shown struct{ Available, Received, Adjusted int64 }
	got := read[shown](t, s.call("GET", "/v1/stock/A%2FB%20C", "", "Orderflow-Position", last.header.Get("Orderflow-Position")), http.StatusOK)
	if got != (shown{7, 10, -3}) {
		t.Errorf("the stock is %+v", got)
	}
}
