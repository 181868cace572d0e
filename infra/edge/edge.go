package edge

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/rs/cors"

	"orderflow/commands"
)

// Edge checks requests before others work on them. Close it when no more come.
type Edge struct {
	options Options
	keys    *keys // nil if tokens are not checked
	known   verified
	cors    *cors.Cors // nil without origins
}

// New builds an edge and fetches the key set. One that cannot be fetched from
// an address yet is no error: until it can, requests are answered unavailable.
// Kinds: Invalid (the options, a file without keys).
func New(ctx context.Context, o Options) (*Edge, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	e := &Edge{options: o, known: newVerified()}
	if len(o.Origins) > 0 { // without any, package cors would allow all
		e.cors = cors.New(crossOrigin(o.Origins))
	}
	if o.Unchecked {
		return e, nil
	}
	var err error
	e.keys, err = openKeys(ctx, o)
	return e, err
}

// Close ends the fetching of keys.
func (e *Edge) Close() error {
	if e.keys != nil {
		e.keys.close()
	}
	return nil
}

// Wrap puts the edge in front of next.
func (e *Edge) Wrap(next http.Handler) http.Handler {
	var h http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { e.pass(next, w, r) })
	if e.cors != nil {
		h = e.cors.Handler(h)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.secure(w.Header(), r)
		h.ServeHTTP(w, r)
	})
}

// pass lets a request through, or answers it.
func (e *Edge) pass(next http.Handler, w http.ResponseWriter, r *http.Request) {
	o := &e.options
	if o.Dev != nil && r.URL.Path == JWKSPath {
		next = o.Dev
	}
	switch {
	case o.Unchecked, matches(o.Probes, r.URL.Path):
		next.ServeHTTP(w, r)
		return
	case matches(o.Public, r.URL.Path), o.Dev != nil && r.URL.Path == JWKSPath:
		if e.take(w, r, byAddress, e.address(r), o.PerAddress) {
			next.ServeHTTP(w, r)
		}
		return
	}
	caller, reason := e.authenticate(r)
	if reason != "" {
		e.refuse(w, r, reason)
		return
	}
	policy, key := byCustomer, string(caller.Customer)
	if key == "" {
		policy, key = bySubject, caller.Subject
	}
	if e.take(w, r, policy, key, o.PerCustomer) {
		next.ServeHTTP(w, r.WithContext(commands.WithCaller(r.Context(), caller)))
	}
}

// matches reports whether path is one of paths, or below one that ends with a slash.
func matches(paths []string, path string) bool {
	return slices.ContainsFunc(paths, func(p string) bool {
		return p == path || strings.HasSuffix(p, "/") && strings.HasPrefix(path, p)
	})
}
