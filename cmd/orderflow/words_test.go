package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"orderflow/cmd/orderflow/internal/audit"
	"orderflow/cmd/orderflow/internal/build"
	"orderflow/cmd/orderflow/internal/client"
	"orderflow/cmd/orderflow/internal/demo"
	"orderflow/cmd/orderflow/internal/target"
	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
	"orderflow/domain/payment"
)

// TestWatchFollowsToTheEnd holds a watch of orders in every phase against
// where it must end: at the last event there was, and then once settled.
func TestWatchFollowsToTheEnd(t *testing.T) {
	const placed, confirmed, asked, cancelled, rejected, other = "order.placed.v1", "order.confirmed.v1", "order.cancel_requested.v1", "order.cancelled.v1", "order.rejected.v1", "payment.refunded.v1"
	for name, c := range map[string]struct {
		events []string // at positions 1, 2, …
		until  int64    // how many there were when the watch began
		ends   int64    // where it ends; 0 is not yet
	}{
		"settled":                {[]string{placed, confirmed}, 2, 2},
		"settled before the end": {[]string{placed, confirmed, other, other}, 4, 4},
		"settles later":          {[]string{placed, other, confirmed, other}, 1, 3},
		"being undone":           {[]string{placed, confirmed, asked}, 3, 0},
		"undone later":           {[]string{placed, confirmed, asked, other, cancelled, other}, 3, 5},
		"undone before":          {[]string{placed, confirmed, asked, other, cancelled, other}, 6, 6},
		"undone before settled":  {[]string{placed, asked, cancelled}, 1, 3},
		"rejected":               {[]string{placed, rejected}, 1, 2},
		"not settled":            {[]string{placed, other}, 1, 0},
	} {
		w, ends := way{until: c.until}, int64(0)
		for i, kind := range c.events {
			if w.take(client.EventView{Position: int64(i + 1), Type: kind}); w.ended() {
				ends = int64(i + 1)
				break
			}
		}
		if ends != c.ends {
			t.Errorf("%s: it ends at %d, not %d", name, ends, c.ends)
		}
	}
}

func TestVersionOf(t *testing.T) {
	const revision = "0123456789abcdef0123"
	for _, c := range []struct {
		module string
		build  build.Build
		want   string
	}{
		{"v1.2.3", build.Build{Revision: revision}, "v1.2.3"},
		{"(devel)", build.Build{}, "built from source"},
		{"", build.Build{}, "built from source"},
		{"(devel)", build.Build{Revision: revision}, "0123456789ab"},
		{"(devel)", build.Build{Revision: revision, Modified: true}, "0123456789ab-modified"},
		{"(devel)", build.Build{Revision: "01"}, "01"},
	} {
		if got := build.VersionOf(c.module, c.build); got != c.want {
			t.Errorf("%q %+v: %q, not %q", c.module, c.build, got, c.want)
		}
	}
}

func TestLoggedDurationsHaveAUnit(t *testing.T) {
	var out bytes.Buffer
	newLogger("info", "json", &out).With("wait", time.Second).Info("x", "elapsed", 2_641_325_938*time.Nanosecond, slog.Group("g", "took", time.Minute))
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	group, _ := line["g"].(map[string]any)
	if line["elapsed_s"] != 2.641325938 || line["wait_s"] != 1.0 || group["took_s"] != 60.0 || line["elapsed"] != nil {
		t.Errorf("it logs %s", out.Bytes())
	}
}

// TestSumsNameEveryCurrency prints 0 where money moved one way only, or not at all.
func TestSumsNameEveryCurrency(t *testing.T) {
	all := audit.NewTally()
	part := audit.NewTally()
	part.TakeOrder(eventlog.Recorded{Stream: "order-1", Version: 1}, order.Placed{Total: domain.Money{Minor: 5, Currency: "GBP"}})
	if err := part.TakePayment(payment.Captured{Amount: domain.Money{Minor: 7, Currency: "EUR"}}); err != nil {
		t.Fatal(err)
	}
	if err := all.Add(part); err != nil {
		t.Fatal(err)
	}
	r := all.Result(nil)
	text, err := json.Marshal([]any{r.CapturedMinor, r.RefundedMinor})
	if err != nil || string(text) != `[{"EUR":7,"GBP":0},{"EUR":0,"GBP":0}]` {
		t.Errorf("%s, %v", text, err)
	}
	if !demo.SameSums(r.RefundedMinor, nil) || demo.SameSums(r.CapturedMinor, nil) || demo.SameSums(nil, r.CapturedMinor) {
		t.Error("sums are compared wrongly")
	}
}

func TestDefaultServerIsWhereServeListens(t *testing.T) {
	for listen, want := range map[string]string{
		"": "http://127.0.0.1:8080", "127.0.0.1:0": "http://127.0.0.1:8080", "nonsense": "http://127.0.0.1:8080", "[::1]:99": "http://[::1]:99",
	} {
		if got := target.DefaultServerURL(func(string) string { return listen }); got != want {
			t.Errorf("%q: %s, not %s", listen, got, want)
		}
	}
}
