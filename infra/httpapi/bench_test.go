package httpapi_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/infra/httpapi"
	"orderflow/infra/memory"
)

// clientsPerCPU keeps the server busy while clients read.
const clientsPerCPU = 16

func benchOrder(lines int) string {
	all := make([]string, lines)
	for i := range all {
		all[i] = fmt.Sprintf(`{"sku":"SKU%05d","quantity":%d}`, i, i+1)
	}
	return `{"customer":"ada","payment_token":"tok_visa","lines":[` + strings.Join(all, ",") + `]}`
}

func list(b *testing.B, bus commands.Bus, skus ...string) {
	b.Helper()
	for _, sku := range skus {
		if _, err := bus.Send(b.Context(), commands.ListProduct{SKU: domain.SKU(sku), Name: sku, Price: domain.GBP(250)}); err != nil {
			b.Fatal(err)
		}
	}
}

// hammer sends b.N requests over kept connections from many clients.
func hammer(b *testing.B, client *http.Client, method, url, body string, want int) {
	b.Helper()
	var n atomic.Int64
	b.SetParallelism(clientsPerCPU)
	b.ReportAllocs()
	b.ResetTimer()
	before := cpuTime(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			var payload io.Reader
			if body != "" {
				payload = bytes.NewReader([]byte(body))
			}
			r, err := http.NewRequestWithContext(b.Context(), method, url, payload)
			if err != nil {
				b.Error(err)
				return
			}
			r.Header["Content-Type"] = []string{"application/json"}
			r.Header["Idempotency-Key"] = []string{fmt.Sprintf("%d-%d", b.N, n.Add(1))}
			res, err := client.Do(r)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			if res.StatusCode != want {
				b.Errorf("status %d", res.StatusCode)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
	b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

// cpuTime returns what this process has used: unlike elapsed time it says the same
// on a machine that others use too. Client and server are both in it.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkHotPath compares placing and reading an order of 10 lines with the
// same server, connections and body, and nothing done.
func BenchmarkHotPath(b *testing.B) {
	const lines = 10
	s := begin(b)
	s.client.Transport.(*http.Transport).MaxIdleConnsPerHost = 1_024
	skus := make([]string, lines)
	for i := range skus {
		skus[i] = fmt.Sprintf("SKU%05d", i)
	}
	s.sell(skus...)
	body := benchOrder(lines)
	r := s.call("POST", "/v1/orders", body, "Idempotency-Key", "one", "Content-Type", "application/json")
	if r.status != http.StatusAccepted {
		b.Fatalf("status %d: %s", r.status, r.body)
	}
	one := r.header.Get("Location")
	s.call("GET", one+"?position="+r.header.Get("Orderflow-Position"), "")
	empty := httptest.NewServer(httpapi.EmptyHandler(httpapi.Config{}))
	defer empty.Close()
	b.Run("empty POST", func(b *testing.B) {
		hammer(b, s.client, http.MethodPost, empty.URL+"/v1/orders", body, http.StatusAccepted)
	})
	quiet := memory.New()
	bus := commands.NewLocalSingleWriter(quiet, quiet)
	defer bus.Close()
	list(b, bus, skus...)
	alone := httptest.NewServer(httpapi.New(httpapi.Config{Bus: bus, Log: quiet}))
	defer alone.Close()
	b.Run("place", func(b *testing.B) {
		hammer(b, s.client, http.MethodPost, alone.URL+"/v1/orders", body, http.StatusAccepted)
	})
	b.Run("place, views at work", func(b *testing.B) {
		hammer(b, s.client, http.MethodPost, s.url+"/v1/orders", body, http.StatusAccepted)
	})
	b.Run("empty GET", func(b *testing.B) {
		hammer(b, s.client, http.MethodGet, empty.URL+one, "", http.StatusOK)
	})
	b.Run("get", func(b *testing.B) { hammer(b, s.client, http.MethodGet, s.url+one, "", http.StatusOK) })
}
