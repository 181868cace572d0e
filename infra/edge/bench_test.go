package edge_test

import (
	"crypto/elliptic"
	"net/http"
	"net/http/httptest"
	"testing"

	"orderflow/infra/edge"
	"orderflow/infra/httpapi"
)

// BenchmarkWrap says what an edge costs a request: nothing before it, one whose
// token is known, one with a limit, and one whose token is verified.
func BenchmarkWrap(b *testing.B) {
	ed, ec, rs := newEd25519("ed"), newECDSA("ec", elliptic.P256()), newRSA("rs", "RS256", 2048)
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	build := func(change func(*edge.Options)) http.Handler {
		o := publish(ed, ec, rs).options()
		o.Issuer, o.Audience, o.Refuse = issuerName, audience, httpapi.Refuse
		change(&o)
		e, err := edge.New(b.Context(), o)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = e.Close() })
		return e.Wrap(next)
	}
	run := func(name string, h http.Handler, token func() string) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/v1/orders", nil)
			w := discarded{}
			for b.Loop() {
				b.StopTimer()
				r.Header.Set("Authorization", "Bearer "+token())
				b.StartTimer()
				clear(w)
				h.ServeHTTP(w, r)
			}
		})
	}
	known := ed.good()
	same := func() string { return known }
	run("none", next, same)
	run("known", build(func(*edge.Options) {}), same)
	run("limited", build(func(o *edge.Options) { o.Limiter = &remembered{} }), same)
	n := 0
	for _, s := range []signer{ed, ec, rs} {
		run("verified/"+s.alg, build(func(*edge.Options) {}), func() string { n++; return s.good(m{"jti": n}) })
	}
}

// discarded is an answer nobody reads.
type discarded http.Header

func (d discarded) Header() http.Header       { return http.Header(d) }
func (discarded) WriteHeader(int)             {}
func (discarded) Write(b []byte) (int, error) { return len(b), nil }
