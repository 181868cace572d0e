package edge

import (
	"net/http"
	"strings"
	"time"

	"orderflow/commands"
)

// Reason says why a request has no caller. It is for figures and the log;
// who sent the request is never told.
type Reason string

// The reasons there are.
const (
	NoToken      Reason = "missing"   // no Authorization
	BadScheme    Reason = "scheme"    // it is not one bearer token
	TooLarge     Reason = "size"      // over MaxTokenBytes
	BadForm      Reason = "form"      // not three parts of base64url around strict JSON
	BadHeader    Reason = "header"    // a header that we do not follow: crit, jku, jwk, x5u …
	BadType      Reason = "type"      // typ is neither JWT nor at+jwt
	BadAlgorithm Reason = "algorithm" // not the algorithm of the key
	UnknownKey   Reason = "key"       // kid is not in the key set
	BadSignature Reason = "signature"
	BadIssuer    Reason = "issuer"
	BadAudience  Reason = "audience"
	Expired      Reason = "expired"
	TooEarly     Reason = "early"   // nbf or iat is to come
	BadClaims    Reason = "claims"  // one is missing or of the wrong form
	NoKeys       Reason = "no_keys" // no key set could be fetched yet
)

// authenticate returns the caller of a request, or the reason why it has none.
func (e *Edge) authenticate(r *http.Request) (commands.Caller, Reason) {
	token, reason := bearer(r.Header)
	if reason != "" {
		return commands.Caller{}, reason
	}
	caller, cached, reason := e.caller(r, token)
	if reason == "" && e.options.Observer.Authenticated != nil {
		e.options.Observer.Authenticated(cached)
	}
	return caller, reason
}

// caller looks a token up among those that were good, or verifies it.
func (e *Edge) caller(r *http.Request, token string) (_ commands.Caller, cached bool, _ Reason) {
	now, seen := time.Now(), digestOf(token)
	if c, ok := e.known.find(seen, now, e.keys); ok {
		return c, true, ""
	}
	t, reason := parseToken(token)
	if reason != "" {
		return commands.Caller{}, false, reason
	}
	k := e.keys.find(r.Context(), t.kid)
	switch {
	case k == nil && e.keys.empty():
		return commands.Caller{}, false, NoKeys
	case k == nil:
		return commands.Caller{}, false, UnknownKey
	}
	claims, reason := t.verify(k, e.options.Issuer, e.options.Audience)
	if reason != "" {
		return commands.Caller{}, false, reason
	}
	e.known.keep(seen, known{caller: claims.caller, key: k})
	return claims.caller, false, ""
}

// bearer reads the one token of a request (RFC 6750). It is never looked for
// in the address or the body.
func bearer(h http.Header) (string, Reason) {
	values := h["Authorization"]
	if len(values) == 0 {
		return "", NoToken
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	if len(values) > 1 || !ok || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", BadScheme
	}
	if len(token) > MaxTokenBytes {
		return "", TooLarge
	}
	return token, ""
}

// refuse answers a request that has no caller, always in the same words. An
// address that goes on failing is told to wait instead.
func (e *Edge) refuse(w http.ResponseWriter, r *http.Request, reason Reason) {
	o := &e.options
	if o.Observer.Refused != nil {
		o.Observer.Refused(reason)
	}
	from := e.address(r)
	o.Logger.DebugContext(r.Context(), "request refused", "reason", string(reason), "address", from, "method", r.Method)
	switch reason {
	case NoKeys:
		o.Refuse(w, "unavailable", "Tokens cannot be checked now.", retryWithoutKeys)
		return
	case NoToken:
		if !e.take(w, r, byAddress, from, o.PerAddress) {
			return
		}
	default:
		if !e.take(w, r, byFailures, from, o.Failures) {
			return
		}
	}
	w.Header().Set("WWW-Authenticate", "Bearer")
	o.Refuse(w, "unauthenticated", "Send a token that is valid now, as in Authorization: Bearer TOKEN.", 0)
}

// retryWithoutKeys is how many seconds a client should wait for the first key set.
const retryWithoutKeys = 5
