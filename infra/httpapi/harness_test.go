package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderflow/commands"
	"orderflow/commands/aggregate"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/inventory"
	"orderflow/infra/httpapi"
	"orderflow/infra/memory"
	"orderflow/infra/sqlite"
	"orderflow/projections"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// system is the API over a log in memory and real views, behind a real server.
// There are no sagas: tests move orders on with commands.
type system struct {
	t      testing.TB
	log    *memory.Log
	bus    *commands.Local
	runner *projections.Runner
	api    *httpapi.API
	url    string
	client *http.Client
}

// begin starts a system; configure, if given, changes what the API is made of.
func begin(t testing.TB, configure ...func(*httpapi.Config)) *system {
	t.Helper()
	log := memory.New()
	views, err := sqlite.Open(t.Context(), t.TempDir(), quiet())
	if err != nil {
		t.Fatal(err)
	}
	s := &system{t: t, log: log, bus: commands.NewLocal(log, log)}
	s.runner = projections.NewRunner(projections.Config{Log: log, Views: views, Logger: quiet()})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- s.runner.Run(ctx) }()
	c := httpapi.Config{
		Bus: s.bus, Log: log, Orders: views, Stock: views, Views: views,
		Await: s.runner.Await, Changes: s.runner.Changes(), CursorKey: []byte("a key of tests"), Version: "test",
	}
	for _, f := range configure {
		f(&c)
	}
	s.api = httpapi.New(c)
	server := httptest.NewUnstartedServer(s.api)
	s.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	if server.Config, err = httpapi.NewServer("127.0.0.1:0", s.api, quiet()); err != nil {
		t.Fatal(err)
	}
	server.Listener = s.api.Listener(server.Listener)
	server.Start()
	s.url = server.URL
	t.Cleanup(func() {
		s.api.Drain()
		s.client.CloseIdleConnections()
		server.Close()
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		s.bus.Close()
		if err := views.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// reply is an answer, read to its end.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// call sends a request with headers given as name, value, name, value …
func (s *system) call(method, path, body string, headers ...string) reply {
	s.t.Helper()
	return s.callWith(s.t.Context(), method, path, body, headers...)
}

func (s *system) callWith(ctx context.Context, method, path, body string, headers ...string) reply {
	s.t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
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
	data, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return reply{res.StatusCode, res.Header, data}
}

// read decodes a body whose status must be want.
func read[T any](t testing.TB, r reply, want int) (v T) {
	t.Helper()
	if r.status != want {
		t.Fatalf("status %d, not %d: %s", r.status, want, r.body)
	}
	if err := json.Unmarshal(r.body, &v); err != nil {
		t.Fatalf("%v in %s", err, r.body)
	}
	return v
}

// sell lists an article at 2.50 GBP and receives stock of it.
func (s *system) sell(skus ...string) {
	s.t.Helper()
	for _, sku := range skus {
		s.send(commands.ListProduct{SKU: domain.SKU(sku), Name: "Article " + sku, Price: domain.GBP(250)})
		s.send(commands.ReceiveStock{Receipt: "first " + sku, Units: []inventory.Units{{SKU: domain.SKU(sku), Quantity: 1_000}}})
	}
}

func (s *system) send(c commands.Command) commands.Reply {
	s.t.Helper()
	r, err := s.bus.Send(s.t.Context(), c)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// placedOrder is what the tests read of an answer to placing an order.
type placedOrder struct {
	OrderID           domain.OrderID `json:"order_id"`
	Status            string         `json:"status"`
	Message           string         `json:"message"`
	PaymentID         string         `json:"payment_id"`
	EstimatedDelivery time.Time      `json:"estimated_delivery"`
	TrackingURL       string         `json:"tracking_url"`
	Position          int64          `json:"position"`
}

// shownOrder is what the tests read of an order.
type shownOrder struct {
	OrderID  domain.OrderID             `json:"order_id"`
	Customer string                     `json:"customer"`
	Status   string                     `json:"status"`
	Lines    []struct{ Returned int64 } `json:"lines"`
	Total    struct{ Minor int64 }      `json:"total"`
	Version  int64                      `json:"version"`
	Position int64                      `json:"position"`
	Next     string                     `json:"next"`
}

// shownPage is one page of orders.
type shownPage struct {
	Items []shownOrder `json:"items"`
	Next  string       `json:"next"`
}

const anOrder = `{"customer":"ada","payment_token":"tok_visa","lines":[{"sku":"TEAPOT","quantity":2}]}`

func (s *system) place(key string) placedOrder {
	s.t.Helper()
	return read[placedOrder](s.t, s.call("POST", "/v1/orders", anOrder, "Idempotency-Key", key), http.StatusAccepted)
}

func (s *system) confirm(id domain.OrderID) commands.Reply {
	s.t.Helper()
	return s.send(commands.ConfirmOrder{
		Order: id, PaymentReference: "pay_1", Tracking: "PARCEL1", EstimatedDelivery: time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC),
	})
}

func at(p int64) string { return fmt.Sprint(p) }

func position(p eventlog.Position) string { return fmt.Sprint(int64(p)) }

func cause(id domain.OrderID) aggregate.Cause { return aggregate.NewCause(id, "test") }
