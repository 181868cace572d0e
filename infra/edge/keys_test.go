package edge_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/domain"
	"orderflow/infra/edge"
)

// TestUnknownKidsDoNotHammer sends tokens of a kid that nobody has, many at a
// time, for a minute: the key set is fetched once in RefetchEvery.
func TestUnknownKidsDoNotHammer(t *testing.T) {
	ed, eve := newEd25519("ed"), newEd25519("eve")
	synctest.Test(t, func(t *testing.T) {
		p := publish(ed)
		f := open(t, p.options())
		begun, sent := p.count(), 0
		for range 60 {
			var all sync.WaitGroup
			for range 100 {
				all.Go(func() {
					if got := f.with(eve.good()); got != http.StatusUnauthorized {
						t.Errorf("status %d", got)
					}
				})
			}
			all.Wait()
			sent += 100
			time.Sleep(time.Second) // of the bubble's clock
		}
		if got, most := p.count()-begun, int(time.Minute/edge.RefetchEvery); got < 2 || got > most {
			t.Errorf("%d tokens had the key set fetched %d times; at most %d are allowed", sent, got, most)
		}
	})
}

// TestRotationFailsNobody rotates keys as an issuer does, while tokens of the
// newest key and of the one before come all the time.
func TestRotationFailsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := []signer{newEd25519("k0")}
		p := publish(keys[0])
		f := open(t, p.options())
		asked := 0
		ask := func(s signer) {
			asked++
			if got := f.with(s.good()); got != http.StatusNoContent {
				t.Errorf("request %d: a good token of %s got %d, %v", asked, s.kid, got, f.reasons)
			}
		}
		for n := 1; n <= 5; n++ {
			before := keys[len(keys)-1]
			next := newEd25519(fmt.Sprint("k", n))
			p.change(keySet(before, next)) // both, and the new one signs at once
			keys = append(keys, next)
			for range 600 {
				ask(next)
				ask(before)
				time.Sleep(100 * time.Millisecond)
			}
			p.change(keySet(next)) // the last token of the one before has expired
			for range 100 {
				ask(next)
				time.Sleep(100 * time.Millisecond)
			}
		}
		t.Logf("%d requests in 5 rotations, %d fetches", asked, p.count())
	})
}

// TestRemovedKeyIsRefused takes a key away: its tokens count no longer than
// the refresh interval, also those that were known to be good.
func TestRemovedKeyIsRefused(t *testing.T) {
	old, young := newEd25519("old"), newEd25519("young")
	synctest.Test(t, func(t *testing.T) {
		p := publish(old, young)
		f := open(t, p.options())
		token := old.good()
		if a, b := f.with(token), f.with(token); a != http.StatusNoContent || b != http.StatusNoContent || !f.cached[1] {
			t.Fatalf("before: %d, %d", a, b)
		}
		p.change(keySet(young))
		time.Sleep(edge.DefaultRefresh + time.Second)
		synctest.Wait()
		if got := f.with(token); got != http.StatusUnauthorized {
			t.Errorf("a token of a key that was taken away got %d", got)
		}
		if got := f.with(young.good()); got != http.StatusNoContent {
			t.Errorf("a token of the key that stayed got %d", got)
		}
	})
}

// TestRefreshIsNotLostBehindAnUnknownKid has the refresh meet a flight of an unknown
// kid that is too early to fetch.
func TestRefreshIsNotLostBehindAnUnknownKid(t *testing.T) {
	old, young := newEd25519("old"), newEd25519("young")
	synctest.Test(t, func(t *testing.T) {
		p := publish(old, young)
		f := open(t, p.options())
		gate := make(chan struct{})
		f.TooEarly(gate)
		p.change(keySet(young))
		time.Sleep(edge.DefaultRefresh + time.Second)
		close(gate)
		synctest.Wait()
		if got := f.with(old.good()); got != http.StatusUnauthorized {
			t.Errorf("a token of a key that was taken away got %d", got)
		}
	})
}

// TestReplacedKeyIsRefused publishes another key under the same kid.
func TestReplacedKeyIsRefused(t *testing.T) {
	first, second := newEd25519("same"), newEd25519("same")
	synctest.Test(t, func(t *testing.T) {
		p := publish(first)
		f := open(t, p.options())
		token := first.good()
		f.with(token)
		p.change(keySet(second))
		time.Sleep(edge.DefaultRefresh + time.Second)
		synctest.Wait()
		if a, b := f.with(token), f.with(second.good()); a != http.StatusUnauthorized || b != http.StatusNoContent {
			t.Errorf("the old key's token got %d, the new one's %d", a, b)
		}
	})
}

// TestKnownTokenExpires lets time pass over a token that was good.
func TestKnownTokenExpires(t *testing.T) {
	ed := newEd25519("ed")
	synctest.Test(t, func(t *testing.T) {
		f := open(t, publish(ed).options())
		token := ed.good()
		f.with(token)
		time.Sleep(time.Hour + edge.Leeway - time.Second)
		if got := f.with(token); got != http.StatusNoContent || !f.cached[1] {
			t.Errorf("within the leeway: %d", got)
		}
		time.Sleep(2 * time.Second)
		if got := f.with(token); got != http.StatusUnauthorized || !slices.Equal(f.reasons, []edge.Reason{edge.Expired}) {
			t.Errorf("after it: %d, %v", got, f.reasons)
		}
	})
}

// TestKnownTokensAreBounded remembers more tokens than there is room for.
func TestKnownTokensAreBounded(t *testing.T) {
	ed := newEd25519("ed")
	f := open(t, publish(ed).options())
	f.Remember(3 * edge.MaxVerified)
	if n := f.KnownTokens(); n > edge.MaxVerified || n < edge.MaxVerified/2 {
		t.Errorf("%d tokens are remembered; at most %d may be", n, edge.MaxVerified)
	}
	token := ed.good()
	if a, b := f.with(token), f.with(token); a != http.StatusNoContent || b != http.StatusNoContent || !f.cached[1] {
		t.Errorf("when it is full: %d, %d, %v", a, b, f.cached)
	}
}

// TestLastGoodSetIsKept breaks the issuer's address in every way.
func TestLastGoodSetIsKept(t *testing.T) {
	ed, next := newEd25519("ed"), newEd25519("next")
	answer := func(status int, body io.Reader) func(*http.Request) (*http.Response, error) {
		return func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{"Location": {"https://evil.example/"}}, Body: io.NopCloser(body), Request: r}, nil
		}
	}
	for name, broken := range map[string]func(*http.Request) (*http.Response, error){
		"nobody":        func(*http.Request) (*http.Response, error) { return nil, errors.New("refused") },
		"hangs":         hang,
		"500":           answer(http.StatusInternalServerError, bytes.NewReader(keySet(next))),
		"redirect":      answer(http.StatusFound, strings.NewReader("")),
		"no JSON":       answer(http.StatusOK, strings.NewReader("<html>")),
		"no keys":       answer(http.StatusOK, strings.NewReader(`{"keys":[]}`)),
		"two of a kid":  answer(http.StatusOK, bytes.NewReader(keySet(next, next))),
		"too many keys": answer(http.StatusOK, strings.NewReader(`{"keys":[`+strings.Repeat("{},", 64)+`{}]}`)),
		"too large":     answer(http.StatusOK, io.MultiReader(bytes.NewReader(keySet(next)), strings.NewReader(strings.Repeat(" ", 1<<20)))),
		"endless":       answer(http.StatusOK, endless{}),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := publish(ed)
				f := open(t, p.options())
				p.become(broken)
				for range 13 {
					time.Sleep(time.Minute)
					if got := f.with(ed.good()); got != http.StatusNoContent {
						t.Fatalf("a good token got %d", got)
					}
				}
				synctest.Wait()
				bad := slices.DeleteFunc(slices.Clone(f.fetches), func(err error) bool { return err == nil })
				if len(f.fetches)-len(bad) != 1 || len(bad) != 2 {
					t.Errorf("of %d fetches %d failed: %v", len(f.fetches), len(bad), bad)
				}
				p.change(keySet(ed, next))
				if got := f.with(next.good()); got != http.StatusNoContent {
					t.Errorf("when it is back, a token of a new key got %d", got)
				}
			})
		})
	}
}

// hang answers nothing until who asks has given up.
func hang(r *http.Request) (*http.Response, error) { //nolint:unparam // a RoundTrip
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// endless never stops sending.
type endless struct{}

func (endless) Read(b []byte) (int, error) { return copy(b, strings.Repeat(" ", len(b))), nil }

// TestWithoutKeysItIsUnavailable starts before the issuer does.
func TestWithoutKeysItIsUnavailable(t *testing.T) {
	ed := newEd25519("ed")
	synctest.Test(t, func(t *testing.T) {
		p := publish()
		p.fall()
		f := open(t, p.options())
		r := f.ask(http.MethodGet, "/", "Authorization", "Bearer "+ed.good())
		if text := body(t, r); r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "" || !strings.Contains(text, "/problems/unavailable") {
			t.Errorf("status %d, %v, %s", r.StatusCode, r.Header, text)
		}
		p.change(keySet(ed))
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if got := f.with(ed.good()); got != http.StatusNoContent {
			t.Errorf("once there are keys: %d", got)
		}
	})
}

// TestKeySetFromAFile rotates a file.
func TestKeySetFromAFile(t *testing.T) {
	ed, next := newEd25519("ed"), newEd25519("next")
	name := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(name, keySet(ed), 0o600); err != nil {
		t.Fatal(err)
	}
	f := open(t, edge.Options{JWKS: name})
	if err := os.WriteFile(name, keySet(next), 0o600); err != nil {
		t.Fatal(err)
	}
	if a, b, c := f.with(ed.good()), f.with(next.good()), f.with(ed.good()); a != http.StatusNoContent || b != http.StatusNoContent || c != http.StatusUnauthorized {
		t.Errorf("before %d, of the new key %d, of the old key then %d", a, b, c)
	}
	for _, bad := range []string{filepath.Join(t.TempDir(), "none"), t.TempDir()} {
		_, err := edge.New(t.Context(), edge.Options{JWKS: bad, Issuer: "i", Audience: "a", Refuse: func(http.ResponseWriter, string, string, int) {}})
		if domain.KindOf(err) == domain.Internal || err == nil {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// TestKeySetOverARealConnection fetches from a server, past a certificate that
// is not trusted.
func TestKeySetOverARealConnection(t *testing.T) {
	ed := newEd25519("ed")
	serve := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(keySet(ed)) }
	plain, secure := httptest.NewServer(http.HandlerFunc(serve)), httptest.NewTLSServer(http.HandlerFunc(serve))
	secure.Config.ErrorLog = nil
	defer plain.Close()
	defer secure.Close()
	if got := open(t, edge.Options{JWKS: plain.URL}).with(ed.good()); got != http.StatusNoContent {
		t.Errorf("from loopback: %d", got)
	}
	if got := open(t, edge.Options{JWKS: secure.URL}).with(ed.good()); got != http.StatusServiceUnavailable {
		t.Errorf("from a server with an unknown certificate: %d", got)
	}
	f := open(t, edge.Options{JWKS: secure.URL, Transport: secure.Client().Transport})
	if got := f.with(ed.good()); got != http.StatusNoContent {
		t.Errorf("from a server with a known certificate: %d, %v", got, f.fetches)
	}
}

// TestOptionsThatCannotBeMeant are refused at once.
func TestOptionsThatCannotBeMeant(t *testing.T) {
	dev, err := edge.OpenDevIssuer(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	whole := edge.Options{Issuer: "i", Audience: "a", JWKS: "https://127.0.0.1:1/", Refuse: func(http.ResponseWriter, string, string, int) {}}
	for name, change := range map[string]func(*edge.Options){
		"http beyond loopback":   func(o *edge.Options) { o.JWKS = "http://issuer.example/jwks" },
		"http to a loopback-ish": func(o *edge.Options) { o.JWKS = "http://localhost.example/jwks" },
		"another scheme":         func(o *edge.Options) { o.JWKS = "ftp://issuer.example/jwks" },
		"a password":             func(o *edge.Options) { o.JWKS = "https://a:b@issuer.example/jwks" },
		"no issuer":              func(o *edge.Options) { o.Issuer = "" },
		"no audience":            func(o *edge.Options) { o.Audience = "" },
		"no keys":                func(o *edge.Options) { o.JWKS = "" },
		"two sources of keys":    func(o *edge.Options) { o.Dev = dev },
		"nothing to refuse with": func(o *edge.Options) { o.Refuse = nil },
		"a refresh of nothing":   func(o *edge.Options) { o.Refresh = time.Millisecond },
		"any origin":             func(o *edge.Options) { o.Origins = []string{"*"} },
		"origins by pattern":     func(o *edge.Options) { o.Origins = []string{"https://*.example"} },
		"an origin with a path":  func(o *edge.Options) { o.Origins = []string{"https://shop.example/"} },
		"the origin null":        func(o *edge.Options) { o.Origins = []string{"null"} },
		"a negative rate":        func(o *edge.Options) { o.PerCustomer.Requests = -1 },
		"a window of nothing":    func(o *edge.Options) { o.Failures.Window = time.Microsecond },
	} {
		o := whole
		change(&o)
		if e, err := edge.New(context.Background(), o); err == nil {
			t.Errorf("%s is taken", name)
			_ = e.Close()
		}
	}
}
