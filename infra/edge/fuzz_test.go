package edge_test

import (
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v3/jwt"

	"orderflow/domain"
	"orderflow/infra/edge"
)

// FuzzToken reads any text as a token. What is read has the form that the rest
// relies on, and the library that verifies reads the same out of it.
func FuzzToken(f *testing.F) {
	ed := newEd25519("ed")
	f.Add(ed.good())
	for _, c := range corpus(ed, newECDSA("ec", elliptic.P256()), newRSA("rs", "RS256", 2048)) {
		f.Add(strings.TrimPrefix(c.header, "Bearer "))
	}
	f.Fuzz(func(t *testing.T, raw string) {
		kid, subject, customer, scopes, reason := edge.ReadToken(raw)
		if reason != "" {
			return
		}
		if domain.CheckName("kid", kid) != nil || domain.CheckName("subject", subject) != nil || customer != "" && domain.CheckName("customer", customer) != nil {
			t.Errorf("kid %q, subject %q, customer %q", kid, subject, customer)
		}
		for _, s := range scopes {
			if s == "" || strings.ContainsAny(s, " \t\r\n\"\\") {
				t.Errorf("scope %q", s)
			}
		}
		if strings.Count(raw, ".") != 2 || len(raw) > edge.MaxTokenBytes {
			t.Errorf("it has the form of none: %q", raw)
		}
		for part := range strings.SplitSeq(raw, ".") { // one token is one text
			data, err := base64.RawURLEncoding.DecodeString(part)
			if err != nil || base64.RawURLEncoding.EncodeToString(data) != part {
				t.Errorf("%q can be written in two ways", part)
			}
		}
		parsed, err := jwt.ParseInsecure([]byte(raw))
		if err != nil {
			return // then it is refused too
		}
		var theirs string
		if got, ok := parsed.Subject(); !ok || got != subject {
			t.Errorf("the subject is %q to us and %q to the library", subject, got)
		}
		if err := parsed.Get("customer", &theirs); customer != "" && (err != nil || theirs != customer) {
			t.Errorf("the customer is %q to us and %q to the library: %v", customer, theirs, err)
		}
	})
}

// FuzzClaims signs any claims with a good key: nothing panics, and whoever is
// let in has a subject.
func FuzzClaims(f *testing.F) {
	ed := newEd25519("ed")
	for _, s := range []string{claims(), claims(m{"scope": "a b"}), claims(m{"aud": []string{audience}}), claims(m{"exp": "x"}), "{}", "", "null", `{"exp":1e3}`} {
		f.Add(s)
	}
	e := open(f, publish(ed).options())
	f.Fuzz(func(t *testing.T, claims string) {
		e.callers = nil
		status := e.with(ed.token(ed.header(), claims))
		switch {
		case status == http.StatusNoContent && (len(e.callers) != 1 || domain.CheckName("The subject", e.callers[0].Subject) != nil || e.callers[0].Expires.IsZero()):
			t.Errorf("let in: %+v", e.callers)
		case status != http.StatusNoContent && status != http.StatusUnauthorized:
			t.Errorf("status %d", status)
		}
	})
}

// FuzzStrictObject holds the strict reading of JSON against the lenient one.
func FuzzStrictObject(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":1,"a":2}`, `{"a":{"b":[1,{"c":null}]}}`, `{"a":1} `, `{"a":1}x`, "{\"a\":\"\xff\"}", `{"\u0061":1,"a":2}`, `[]`, `{`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		strict, ok := edge.StrictObject(data)
		var lenient map[string]json.RawMessage
		err := json.Unmarshal(data, &lenient)
		if ok && (err != nil || !reflect.DeepEqual(strict, lenient)) {
			t.Errorf("%q: %v and %v, %v", data, strict, lenient, err)
		}
	})
}

// FuzzKeySet reads any bytes as a key set.
func FuzzKeySet(f *testing.F) {
	f.Add(keySet(newEd25519("a"), newECDSA("b", elliptic.P256()), newRSA("c", "RS256", 2048)))
	f.Add([]byte(`{"keys":[]}`))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AA","kid":"x"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if n, err := edge.ParseKeys(data); (n == 0) != (err != nil) {
			t.Errorf("%d keys and %v", n, err)
		}
	})
}
