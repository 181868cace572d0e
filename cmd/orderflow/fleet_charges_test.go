package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/infra/simulator"
)

const (
	// fleetOrdersVariable is how many orders are placed while the providers fail.
	fleetOrdersVariable = "ORDERFLOW_FLEET_ORDERS"
	fleetOrders         = 300              // without that variable
	fleetClients        = 8                // place orders side by side
	fleetPrice          = 70               // pence of one unit
	fleetStopped        = 15 * time.Second // for which two processes get no processor: longer than a claim lasts
	fleetPatience       = 2 * time.Minute  // for an answer of a gateway, and for all orders to settle once the providers work
	fleetRound          = 200 * time.Millisecond
)

// chargesOnce places orders while the providers lose replies and hang, two processes
// that have claims are stopped for longer than these last, and another one is killed.
// Once the providers work, every order settles, and the ledger has one capture and one
// parcel for each that is confirmed.
func (f *fleet) chargesOnce(t *testing.T) {
	f.enter(t)
	n := fleetOrders
	if text := os.Getenv(fleetOrdersVariable); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 {
			t.Fatalf("%s=%q is not a number of orders", fleetOrdersVariable, text)
		}
	}
	f.command(t, "product", "add", "FLEET-POT", fmt.Sprintf("0.%02d", fleetPrice))
	f.command(t, "stock", "receive", "FLEET-POT:100000", "--key", "fleet")
	f.outage(t, simulator.Payment, simulator.LoseReply)
	f.outage(t, simulator.Shipping, simulator.Hang)

	third, stopped := make(chan struct{}), make(chan struct{})
	wait := f.placeAll(t, n, func() { close(third); <-stopped })
	<-third
	f.signal(t, syscall.SIGSTOP, "payment-a", "stock-a")
	defer f.signal(t, syscall.SIGCONT, "payment-a", "stock-a") // also where the test ends before
	close(stopped)
	pause(t.Context(), fleetStopped)
	f.outage(t, simulator.Payment, simulator.Hang)
	f.outage(t, simulator.Shipping, simulator.LoseReply)
	f.signal(t, syscall.SIGCONT, "payment-a", "stock-a")
	f.strike(t, "kill", "payment-b")
	placed := wait()

	f.outage(t, simulator.Shipping, simulator.Work)
	f.outage(t, simulator.Payment, simulator.Work)
	back := time.Now()
	statuses := f.settle(t, placed)
	t.Logf("%d orders settled within %.1f s after the providers were back", len(placed), time.Since(back).Seconds())
	f.chargedOnce(t, placed, statuses)
}

// placeAll begins to place n orders of different sizes, and calls onThird after a third
// of them. The function it returns waits, and returns the ids.
func (f *fleet) placeAll(t *testing.T, n int, onThird func()) (wait func() []domain.OrderID) {
	t.Helper()
	placed := make([]domain.OrderID, n)
	next := make(chan int)
	var clients sync.WaitGroup
	for range fleetClients {
		clients.Go(func() {
			for i := range next {
				placed[i] = f.place(t, i)
			}
		})
	}
	clients.Go(func() {
		defer close(next)
		for i := range n {
			if i == n/3 {
				onThird()
			}
			next <- i
		}
	})
	return func() []domain.OrderID { clients.Wait(); return placed }
}

// units is the size of an order, by its number.
func units(i int) int64 { return int64(1 + i%3) }

// place sends one order to the two gateways in turn, under one key, until one takes it.
func (f *fleet) place(t *testing.T, i int) domain.OrderID {
	t.Helper()
	body := fmt.Sprintf(`{"customer":"fleet","payment_token":"tok_visa","lines":[{"sku":"FLEET-POT","quantity":%d}]}`, units(i))
	var said struct {
		ID domain.OrderID `json:"order_id"`
	}
	deadline := time.Now().Add(fleetPatience)
	for try := i; ; try++ {
		code, err := f.call(t.Context(), http.MethodPost, "gateway-"+string("ab"[try%2]), "/v1/orders", fmt.Sprint("fleet-", i), body, &said)
		if err == nil && said.ID != "" {
			return said.ID
		}
		if time.Now().After(deadline) || t.Context().Err() != nil || code >= 400 && code < 500 && code != http.StatusConflict && code != http.StatusTooManyRequests {
			t.Errorf("order %d is not taken: %d, %v", i, code, err)
			return ""
		}
		pause(t.Context(), fleetRound)
	}
}

// settle waits until no order is under way, and returns where each ended.
func (f *fleet) settle(t *testing.T, placed []domain.OrderID) map[domain.OrderID]string {
	t.Helper()
	settled := map[domain.OrderID]string{}
	for deadline := time.Now().Add(fleetPatience); len(settled) < len(placed); pause(t.Context(), fleetRound) {
		for _, id := range placed {
			var o struct{ Status string }
			if settled[id] != "" {
				continue
			}
			if _, err := f.call(t.Context(), http.MethodGet, "gateway-a", "/v1/orders/"+string(id), "", "", &o); err != nil {
				continue
			}
			switch o.Status {
			case "confirmed", "rejected", "cancelled":
				settled[id] = o.Status
			}
		}
		if time.Now().After(deadline) {
			t.Errorf("after %v %d of %d orders are settled", fleetPatience, len(settled), len(placed))
			return settled
		}
	}
	return settled
}

// chargedOnce holds each order against the ledger.
func (f *fleet) chargedOnce(t *testing.T, placed []domain.OrderID, statuses map[domain.OrderID]string) {
	t.Helper()
	ledger, counts := f.ledger(t), map[string]int{}
	for i, id := range placed {
		status, a := statuses[id], ledger.Orders[id]
		counts[status]++
		switch {
		case status == "confirmed":
			if want := (simulator.Account{Captures: 1, Captured: units(i) * fleetPrice, Bookings: 1}); a != want {
				t.Errorf("order %s is confirmed; the ledger has %+v", id, a)
			}
		case a.Captures > 1 || a.Captured != a.Refunded || a.Bookings > 1 || a.Bookings != a.Undos:
			t.Errorf("order %s is %s; the ledger has %+v", id, status, a)
		}
	}
	t.Logf("they are %v", counts)
	if counts["confirmed"] < len(placed)/2 {
		t.Errorf("most orders were refused, so little is shown: %v", counts)
	}
}

// call sends one request to a gateway of the fleet and decodes a success into out.
func (f *fleet) call(ctx context.Context, method, gateway, path, key, body string, out any) (code int, err error) {
	port, err := os.ReadFile(filepath.Join(f.dir, "ports", gateway+"-api"))
	if err != nil {
		return 0, err
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://127.0.0.1:"+strings.TrimSpace(string(port))+path, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+f.environment["ORDERFLOW_TOKEN"])
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return response.StatusCode, err
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return response.StatusCode, fmt.Errorf("%s: %s", response.Status, bytes.TrimSpace(data))
	}
	return response.StatusCode, json.Unmarshal(data, out)
}

// command runs a subcommand of the fleet's binary with what a client of the fleet knows.
func (f *fleet) command(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), f.binary, args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("orderflow %v: %v\n%s", args, err, out)
	}
}

// outage has the first provider of a kind treat every call alike.
func (f *fleet) outage(t *testing.T, p simulator.Provider, b simulator.Behaviour) {
	t.Helper()
	f.command(t, "simulator", "outage", string(p), simulator.Default, string(b))
}

// signal sends a signal to processes of the fleet.
func (f *fleet) signal(t *testing.T, s syscall.Signal, names ...string) {
	t.Helper()
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(f.dir, name, "pid"))
		if err != nil {
			t.Fatal(err)
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(pid, s); err != nil {
			t.Errorf("%v to %s: %v", s, name, err)
		}
	}
}
