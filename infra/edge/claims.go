package edge

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"orderflow/commands"
	"orderflow/domain"
)

const (
	// maxScopes bounds the scopes of a token; five mean something here, and an
	// issuer that serves other systems too adds its own.
	maxScopes = 64
	// maxDate is the last second of year 9999; later ones are mistakes.
	maxDate = 253402300799
)

// claims are the verified claims of a token.
type claims struct {
	caller commands.Caller
}

// readClaims reads what we go by, and is strict about its forms. Whether it is
// true and timely is checked elsewhere.
func readClaims(payload map[string]json.RawMessage) (claims, bool) {
	var c claims
	if _, ok := text(payload["iss"]); !ok {
		return c, false
	}
	if !isAudience(payload["aud"]) {
		return c, false
	}
	expires, ok := date(payload["exp"])
	if !ok {
		return c, false
	}
	for _, name := range []string{"nbf", "iat"} {
		if raw, there := payload[name]; there {
			if _, ok := date(raw); !ok {
				return c, false
			}
		}
	}
	subject, ok := text(payload["sub"])
	if !ok || domain.CheckName("The subject", subject) != nil {
		return c, false
	}
	var customer string
	if raw, there := payload["customer"]; there {
		if customer, ok = text(raw); !ok || domain.CheckName("The customer", customer) != nil {
			return c, false
		}
	}
	scopes, ok := scopesOf(payload)
	c.caller = commands.Caller{Subject: subject, Customer: domain.CustomerID(customer), Scopes: scopes, Expires: expires}
	return c, ok
}

// scopesOf reads scopes with a space between two of them (RFC 6749, 3.3).
func scopesOf(payload map[string]json.RawMessage) ([]string, bool) {
	raw, there := payload["scope"]
	if !there {
		return nil, true
	}
	s, ok := text(raw)
	if !ok {
		return nil, false
	}
	if s == "" {
		return nil, true
	}
	scopes := strings.Split(s, " ")
	if len(scopes) > maxScopes {
		return nil, false
	}
	for _, scope := range scopes {
		if !isScope(scope) {
			return nil, false
		}
	}
	return scopes, true
}

// isScope reports whether s is a scope-token (RFC 6749, 3.3).
func isScope(s string) bool {
	for _, c := range []byte(s) {
		if c < '!' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return s != ""
}

// text reads a JSON string; nothing else is one.
func text(raw json.RawMessage) (string, bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err == nil
}

// date reads a NumericDate in whole seconds.
func date(raw json.RawMessage) (time.Time, bool) {
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || n <= 0 || n > maxDate {
		return time.Time{}, false
	}
	return time.Unix(n, 0), true
}

// isAudience reports whether raw is a string or a list of some.
func isAudience(raw json.RawMessage) bool {
	if _, ok := text(raw); ok {
		return true
	}
	var list []json.RawMessage
	if len(raw) == 0 || raw[0] != '[' || json.Unmarshal(raw, &list) != nil || len(list) == 0 {
		return false
	}
	for _, one := range list {
		if _, ok := text(one); !ok {
			return false
		}
	}
	return true
}
