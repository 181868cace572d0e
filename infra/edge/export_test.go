package edge

import (
	"encoding/json"
	"strconv"
)

// ReadToken reads a token's form and claims, and believes all of it.
func ReadToken(raw string) (kid, subject, customer string, scopes []string, reason Reason) {
	t, reason := parseToken(raw)
	if reason != "" {
		return "", "", "", nil, reason
	}
	c, ok := readClaims(t.payload)
	if !ok {
		return "", "", "", nil, BadClaims
	}
	return t.kid, c.caller.Subject, string(c.caller.Customer), c.caller.Scopes, ""
}

// StrictObject is strictObject.
func StrictObject(data []byte) (map[string]json.RawMessage, bool) { return strictObject(data) }

// ParseKeys says how many keys of a set can be used.
func ParseKeys(data []byte) (int, error) {
	set, err := parseKeys(data)
	return len(set), err
}

// KnownTokens counts the tokens that are remembered.
func (e *Edge) KnownTokens() int {
	e.known.kept.CleanUp() // it evicts in the background
	return e.known.kept.EstimatedSize()
}

// TooEarly starts a flight that finds that it is too early to fetch, once gate is closed.
func (e *Edge) TooEarly(gate <-chan struct{}) {
	e.keys.flight.DoChan(theSet, func() (any, error) { <-gate; return false, nil })
}

// Remember remembers n more tokens that nobody has.
func (e *Edge) Remember(n int) {
	for i := range n {
		e.known.keep(digestOf(strconv.Itoa(i)), known{})
	}
}

// MaxVerified is maxVerified.
const MaxVerified = maxVerified
