package edge_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwk"
	"go.uber.org/goleak"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/infra/edge"
	"orderflow/infra/httpapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	issuerName = "https://issuer.example"
	audience   = "orderflow"
)

// signer is one key of an issuer.
type signer struct {
	kid, alg string
	public   crypto.PublicKey
	sign     func(data []byte) []byte
}

func newEd25519(kid string) signer {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	must(err)
	return signer{kid, "EdDSA", public, func(data []byte) []byte { return ed25519.Sign(private, data) }}
}

func newECDSA(kid string, curve elliptic.Curve) signer {
	private, err := ecdsa.GenerateKey(curve, rand.Reader)
	must(err)
	size := (curve.Params().BitSize + 7) / 8
	return signer{kid, "ES256", &private.PublicKey, func(data []byte) []byte {
		digest := sha256.Sum256(data)
		r, s, err := ecdsa.Sign(rand.Reader, private, digest[:])
		must(err)
		out := make([]byte, 2*size)
		r.FillBytes(out[:size])
		s.FillBytes(out[size:])
		return out
	}}
}

func newRSA(kid, alg string, bits int) signer {
	private, err := rsa.GenerateKey(rand.Reader, bits)
	must(err)
	return signer{kid, alg, &private.PublicKey, func(data []byte) []byte {
		digest := sha256.Sum256(data)
		out, err := rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, digest[:])
		must(err)
		return out
	}}
}

// jwkOf returns the public key as an issuer publishes it.
func (s signer) jwkOf() map[string]any {
	if k, ok := s.public.(*rsa.PublicKey); ok { // by hand: the library makes no weak ones
		return m{"kty": "RSA", "n": b64(string(k.N.Bytes())), "e": b64(string(big.NewInt(int64(k.E)).Bytes())), "kid": s.kid, "use": "sig", "alg": s.alg}
	}
	key, err := jwk.Import(s.public)
	must(err)
	data, err := json.Marshal(key)
	must(err)
	var members map[string]any
	must(json.Unmarshal(data, &members))
	members["kid"], members["use"], members["alg"] = s.kid, "sig", s.alg
	return members
}

// keySet returns what an issuer with these keys publishes.
func keySet(signers ...signer) []byte {
	keys := []any{}
	for _, s := range signers {
		keys = append(keys, s.jwkOf())
	}
	data, err := json.Marshal(map[string]any{"keys": keys})
	must(err)
	return data
}

// claims returns the claims of a good token, with changes; a nil takes a member away.
func claims(changes ...map[string]any) string {
	now := time.Now()
	return merged(map[string]any{
		"iss": issuerName, "aud": audience, "sub": "ada@example.org", "customer": "ada", "scope": "orders",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}, changes...)
}

// header is that of a good token, with changes.
func (s signer) header(changes ...map[string]any) string {
	return merged(map[string]any{"alg": s.alg, "kid": s.kid, "typ": "JWT"}, changes...)
}

func merged(members map[string]any, changes ...map[string]any) string {
	for _, change := range changes {
		for name, value := range change {
			if members[name] = value; value == nil {
				delete(members, name)
			}
		}
	}
	data, err := json.Marshal(members)
	must(err)
	return string(data)
}

// token signs a header and claims just as they are.
func (s signer) token(header, claims string) string {
	body := b64(header) + "." + b64(claims)
	return body + "." + b64(string(s.sign([]byte(body))))
}

// good returns a token that counts.
func (s signer) good(changes ...map[string]any) string {
	return s.token(s.header(), claims(changes...))
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// front is an edge, and what it told and let through.
type front struct {
	*edge.Edge
	handler http.Handler

	mu      sync.Mutex
	reasons []edge.Reason
	cached  []bool
	limited []string
	failed  int
	fetches []error
	callers []commands.Caller // of the requests that came through, in their order
	passed  int
}

// open builds an edge in front of a handler that writes down who comes.
func open(t testing.TB, o edge.Options) *front {
	t.Helper()
	f := &front{}
	o.Refuse = httpapi.Refuse
	if !o.Unchecked && o.Dev == nil {
		o.Issuer, o.Audience = issuerName, audience
	}
	o.Observer = edge.Observer{
		Authenticated: func(cached bool) { f.note(func() { f.cached = append(f.cached, cached) }) },
		Refused:       func(r edge.Reason) { f.note(func() { f.reasons = append(f.reasons, r) }) },
		Limited:       func(policy string) { f.note(func() { f.limited = append(f.limited, policy) }) },
		LimiterFailed: func() { f.note(func() { f.failed++ }) },
		Fetched:       func(_ int, err error) { f.note(func() { f.fetches = append(f.fetches, err) }) },
	}
	var err error
	if f.Edge, err = edge.New(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	f.handler = f.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.note(func() {
			f.passed++
			if c, ok := commands.CallerOf(r.Context()); ok {
				f.callers = append(f.callers, c)
			}
		})
		w.WriteHeader(http.StatusNoContent)
	}))
	return f
}

func (f *front) note(what func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	what()
}

// ask sends a request with headers given as name, value, name, value …
func (f *front) ask(method, path string, headers ...string) *http.Response {
	r := httptest.NewRequestWithContext(context.Background(), method, path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "from" {
			r.RemoteAddr = headers[i+1]
			continue
		}
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	return w.Result()
}

// with asks with a token and returns the status.
func (f *front) with(token string) int {
	return f.ask(http.MethodGet, "/v1/orders", "Authorization", "Bearer "+token).StatusCode
}

func body(t testing.TB, r *http.Response) string {
	t.Helper()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// published is an issuer's address: a transport that answers without a network.
type published struct {
	mu     sync.Mutex
	answer func(*http.Request) (*http.Response, error)
	asked  int
}

func publish(signers ...signer) *published {
	p := &published{}
	p.change(keySet(signers...))
	return p
}

// change has other bytes published from now on.
func (p *published) change(data []byte) {
	p.become(func(*http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		_, _ = w.Write(data)
		return w.Result(), nil
	})
}

// fall has nothing answered from now on.
func (p *published) fall() {
	p.become(func(*http.Request) (*http.Response, error) { return nil, fmt.Errorf("nobody is there") })
}

func (p *published) become(answer func(*http.Request) (*http.Response, error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = answer
}

func (p *published) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

// RoundTrip implements http.RoundTripper.
func (p *published) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	answer := p.answer
	p.asked++
	p.mu.Unlock()
	return answer(r)
}

func (p *published) options() edge.Options {
	return edge.Options{JWKS: issuerName + "/jwks.json", Transport: p}
}

// exact is a sliding window that keeps the time of every request.
type exact struct {
	mu    sync.Mutex
	taken map[string][]time.Time
	err   error
	hangs bool // until the caller gives up
}

// Take implements commands.Limiter.
func (l *exact) Take(ctx context.Context, key string, limit int, window time.Duration) (commands.Allowance, error) {
	if l.hangs {
		<-ctx.Done()
		return commands.Allowance{}, domain.Wrap(domain.Unavailable, ctx.Err(), "The limiter does not answer")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return commands.Allowance{}, l.err
	}
	if l.taken == nil {
		l.taken = map[string][]time.Time{}
	}
	now := time.Now()
	var within []time.Time
	for _, at := range l.taken[key] {
		if now.Sub(at) < window {
			within = append(within, at)
		}
	}
	a := commands.Allowance{OK: len(within) < limit, Limit: limit}
	if a.OK {
		within = append(within, now)
	} else {
		a.Retry = window - now.Sub(within[len(within)-limit])
	}
	l.taken[key] = within
	a.Remaining = limit - len(within)
	a.Reset = window - now.Sub(within[len(within)-1])
	return a, nil
}
