package edge_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/domain"
	"orderflow/infra/edge"
)

// limited is a problem as a client over its limit reads it.
type limited struct {
	Type       string `json:"type"`
	Status     int    `json:"status"`
	Detail     string `json:"detail"`
	Code       string `json:"code"`
	RetryAfter int    `json:"retry_after"`
}

// TestACustomerHasAThousandInASecond sends as many and one more, in the words
// of the specification.
func TestACustomerHasAThousandInASecond(t *testing.T) {
	ed := newEd25519("ed")
	synctest.Test(t, func(t *testing.T) {
		o := publish(ed).options()
		o.Limiter = &exact{}
		f := open(t, o)
		token, second := "Bearer "+ed.good(), "Bearer "+ed.good(m{"jti": "another token of the same customer"})
		for n := range edge.DefaultRequests {
			r := f.ask(http.MethodGet, "/v1/orders", "Authorization", token)
			want := fmt.Sprintf(`"customer";r=%d;t=1`, edge.DefaultRequests-1-n)
			if r.StatusCode != http.StatusNoContent || r.Header.Get("RateLimit") != want || r.Header.Get("RateLimit-Policy") != `"customer";q=1000;w=1` {
				t.Fatalf("request %d: %d, %v", n, r.StatusCode, r.Header)
			}
		}
		r := f.ask(http.MethodGet, "/v1/orders", "Authorization", second)
		var p limited
		if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
			t.Fatal(err)
		}
		want := limited{"/problems/rate-limited", http.StatusTooManyRequests, "Please try again later", "RATE_LIMITED", 1}
		if p != want || r.StatusCode != http.StatusTooManyRequests || r.Header.Get("Retry-After") != "1" || r.Header.Get("RateLimit") != `"customer";r=0;t=1` {
			t.Errorf("%+v, %d, %v", p, r.StatusCode, r.Header)
		}
		if got := f.with(ed.good(m{"customer": "bob"})); got != http.StatusNoContent {
			t.Errorf("another customer got %d", got)
		}
		if got := f.with(ed.good(m{"customer": nil, "scope": "support"})); got != http.StatusNoContent {
			t.Errorf("a clerk got %d", got)
		}
		if !slices.Equal(f.limited, []string{"customer"}) {
			t.Errorf("limited were %v", f.limited)
		}
		time.Sleep(time.Second)
		if got := f.with(ed.good()); got != http.StatusNoContent {
			t.Errorf("after a second: %d", got)
		}
	})
}

// TestRetryAfterIsEnough waits as long as it is told, and is let in.
func TestRetryAfterIsEnough(t *testing.T) {
	ed := newEd25519("ed")
	synctest.Test(t, func(t *testing.T) {
		o := publish(ed).options()
		o.Limiter, o.PerCustomer = &exact{}, edge.Rate{Requests: 3, Window: 7 * time.Second}
		f := open(t, o)
		refused := 0
		for range 50 {
			r := f.ask(http.MethodGet, "/", "Authorization", "Bearer "+ed.good())
			if r.StatusCode == http.StatusTooManyRequests {
				refused++
				wait, err := strconv.Atoi(r.Header.Get("Retry-After"))
				if err != nil || wait < 1 || wait > 7 {
					t.Fatalf("Retry-After: %s", r.Header.Get("Retry-After"))
				}
				time.Sleep(time.Duration(wait) * time.Second)
				if got := f.with(ed.good()); got != http.StatusNoContent {
					t.Fatalf("after %d s: %d", wait, got)
				}
			}
			time.Sleep(300 * time.Millisecond)
		}
		if refused == 0 {
			t.Error("nobody was refused")
		}
	})
}

// TestWithoutACallerTheAddressIsLimited sends requests without a token.
func TestWithoutACallerTheAddressIsLimited(t *testing.T) {
	ed := newEd25519("ed")
	synctest.Test(t, func(t *testing.T) {
		o := publish(ed).options()
		o.Limiter, o.PerAddress = &exact{}, edge.Rate{Requests: 5, Window: time.Minute}
		o.Public, o.Probes = []string{"/docs", "/problems/", "/healthz/live"}, []string{"/healthz/live"}
		f := open(t, o)
		got := []int{}
		for _, path := range []string{"/docs", "/v1/orders", "/problems/forbidden", "/problems", "/docs/x", "/docs", "/v1/orders"} {
			got = append(got, f.ask(http.MethodGet, path, "from", "192.0.2.1:5").StatusCode)
		}
		if want := []int{204, 401, 204, 401, 401, 429, 429}; !slices.Equal(got, want) {
			t.Errorf("%v, not %v", got, want)
		}
		if got := f.ask(http.MethodGet, "/docs", "from", "192.0.2.2:5").StatusCode; got != http.StatusNoContent {
			t.Errorf("another address got %d", got)
		}
		if got := f.ask(http.MethodGet, "/v1/orders", "from", "192.0.2.1:5", "Authorization", "Bearer "+ed.good()).StatusCode; got != http.StatusNoContent {
			t.Errorf("a caller at that address got %d", got)
		}
		for range 20 {
			if r := f.ask(http.MethodGet, "/healthz/live", "from", "192.0.2.1:5"); r.StatusCode != http.StatusNoContent || r.Header.Get("RateLimit") != "" {
				t.Fatalf("a probe got %d, %v", r.StatusCode, r.Header)
			}
		}
		if want := []string{"address", "address"}; !slices.Equal(f.limited, want) {
			t.Errorf("limited were %v", f.limited)
		}
	})
}

// TestAnAddressThatGoesOnFailingWaits guesses tokens.
func TestAnAddressThatGoesOnFailingWaits(t *testing.T) {
	ed, eve := newEd25519("ed"), newEd25519("ed")
	synctest.Test(t, func(t *testing.T) {
		o := publish(ed).options()
		o.Limiter = &exact{}
		f := open(t, o)
		count := map[int]int{}
		for n := range 100 {
			r := f.ask(http.MethodGet, "/", "from", "192.0.2.1:5", "Authorization", "Bearer "+eve.good(m{"jti": n}))
			count[r.StatusCode]++
			if r.StatusCode == http.StatusTooManyRequests && (r.Header.Get("Retry-After") != "60" || r.Header.Get("RateLimit-Policy") != `"failures";q=30;w=60`) {
				t.Fatalf("%v", r.Header)
			}
		}
		if count[401] != edge.DefaultFailures || count[429] != 100-edge.DefaultFailures {
			t.Errorf("the answers are %v", count)
		}
		if got := f.ask(http.MethodGet, "/", "from", "192.0.2.1:5", "Authorization", "Bearer "+ed.good()).StatusCode; got != http.StatusNoContent {
			t.Errorf("a neighbour behind the same address got %d", got)
		}
		time.Sleep(time.Minute)
		if got := f.ask(http.MethodGet, "/", "from", "192.0.2.1:5", "Authorization", "Bearer "+eve.good()).StatusCode; got != http.StatusUnauthorized {
			t.Errorf("after a minute: %d", got)
		}
	})
}

// TestWithoutTheLimiterBusinessGoesOn takes the limiter away.
func TestWithoutTheLimiterBusinessGoesOn(t *testing.T) {
	ed := newEd25519("ed")
	for name, l := range map[string]*exact{
		"fails": {err: domain.Errorf(domain.Unavailable, "Redis is away.")},
		"hangs": {hangs: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := publish(ed).options()
				o.Limiter = l
				f := open(t, o)
				begun := time.Now()
				if got := f.with(ed.good()); got != http.StatusNoContent {
					t.Errorf("a good token got %d", got)
				}
				if got := f.with("bad"); got != http.StatusUnauthorized {
					t.Errorf("a bad token got %d", got)
				}
				if f.failed != 2 || time.Since(begun) > time.Second {
					t.Errorf("%d failures were told, after %s", f.failed, time.Since(begun))
				}
			})
		})
	}
}

// TestWhereARequestComesFrom believes X-Forwarded-For of trusted proxies only.
func TestWhereARequestComesFrom(t *testing.T) {
	for _, c := range []struct {
		from      string
		forwarded []string
		want      string
	}{
		{"192.0.2.1:5", nil, "192.0.2.1"},
		{"192.0.2.1:5", []string{"203.0.113.9"}, "192.0.2.1"}, // not a proxy of ours
		{"10.0.0.1:5", nil, "10.0.0.1"},
		{"10.0.0.1:5", []string{"203.0.113.9"}, "203.0.113.9"},
		{"10.0.0.1:5", []string{"198.51.100.7, 203.0.113.9"}, "203.0.113.9"}, // the first is what the client wrote
		{"10.0.0.1:5", []string{"198.51.100.7", "203.0.113.9, 10.0.0.2"}, "203.0.113.9"},
		{"10.0.0.1:5", []string{"203.0.113.9, 10.0.0.3,10.0.0.2"}, "203.0.113.9"},
		{"10.0.0.1:5", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"10.0.0.1:5", []string{"203.0.113.9, nonsense"}, "10.0.0.1"},
		{"10.0.0.1:5", []string{"nonsense, 203.0.113.9"}, "203.0.113.9"},
		{"10.0.0.1:5", []string{""}, "10.0.0.1"},
		{"10.0.0.1:5", []string{"203.0.113.9:1234"}, "10.0.0.1"},
		{"[::ffff:10.0.0.1]:5", []string{"203.0.113.9"}, "203.0.113.9"},
		{"[2001:db8:1:2:3:4:5:6]:5", nil, "2001:db8:1:2::/64"},
		{"[2001:db8:1:2::7]:5", nil, "2001:db8:1:2::/64"},
		{"[fe80::1%eth0]:5", nil, "fe80::/64"},
		{"[::1]:5", nil, "::1"},
		{"@", nil, "unknown"},
	} {
		keys := &remembered{}
		f := open(t, edge.Options{
			Dev: devIssuer(t), Limiter: keys, Public: []string{"/"}, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		})
		headers := []string{"from", c.from}
		for _, v := range c.forwarded {
			headers = append(headers, "X-Forwarded-For", v)
		}
		f.ask(http.MethodGet, "/docs", headers...)
		if len(keys.keys) != 1 || keys.keys[0] != "address:"+c.want {
			t.Errorf("%s, forwarded for %q: %v, not %s", c.from, c.forwarded, keys.keys, c.want)
		}
	}
}
