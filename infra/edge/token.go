package edge

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"github.com/lestrrat-go/jwx/v3/jwt"

	"orderflow/domain"
)

// token is a JWT whose form is right; nothing in it is believed yet.
// See docs/adr/007.
type token struct {
	raw      string
	kid, alg string
	payload  map[string]json.RawMessage
}

// notFollowed are members of a header that would have us trust what the token
// brings along, or read it in another way. RFC 7515 has unknown ones ignored;
// a token of an honest issuer has none of these.
var notFollowed = []string{"crit", "b64", "jku", "jwk", "x5u", "x5c", "zip", "enc", "epk"} //nolint:gochecknoglobals // a constant list

// parseToken reads a JWS in compact form, to the letter.
func parseToken(raw string) (token, Reason) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 || len(raw) > MaxTokenBytes {
		return token{}, BadForm
	}
	var sections [3][]byte
	for i, p := range parts {
		section, ok := decode(p)
		if !ok || len(section) == 0 {
			return token{}, BadForm
		}
		sections[i] = section
	}
	header, ok := strictObject(sections[0])
	if !ok {
		return token{}, BadForm
	}
	t := token{raw: raw}
	if t.payload, ok = strictObject(sections[1]); !ok {
		return token{}, BadForm
	}
	for _, name := range notFollowed {
		if _, there := header[name]; there {
			return token{}, BadHeader
		}
	}
	typ, ok := text(header["typ"])
	if !ok || !isJWT(typ) {
		return token{}, BadType
	}
	if t.alg, ok = text(header["alg"]); !ok {
		return token{}, BadAlgorithm
	}
	if t.kid, ok = text(header["kid"]); !ok || domain.CheckName("The key", t.kid) != nil {
		return token{}, UnknownKey
	}
	return t, ""
}

// decode reads base64url without padding. The standard library would pass over
// line breaks, so the characters are looked at first.
func decode(s string) ([]byte, bool) {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '-' && c != '_' {
			return nil, false
		}
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return b, err == nil
}

// isJWT reports whether a typ is a JWT's, or an access token's (RFC 9068).
func isJWT(typ string) bool {
	typ = strings.TrimPrefix(strings.ToLower(typ), "application/")
	return typ == "jwt" || typ == "at+jwt"
}

// verify returns the claims of a valid token.
func (t token) verify(k *key, issuer, audience string) (claims, Reason) {
	if t.alg != k.alg.String() {
		return claims{}, BadAlgorithm
	}
	c, ok := readClaims(t.payload)
	if !ok {
		return claims{}, BadClaims
	}
	parsed, err := jwt.Parse([]byte(t.raw), jwt.WithKey(k.alg, k.public), jwt.WithValidate(false))
	if err != nil {
		return claims{}, BadSignature
	}
	err = jwt.Validate(parsed, jwt.WithIssuer(issuer), jwt.WithAudience(audience), jwt.WithRequiredClaim(jwt.ExpirationKey), jwt.WithAcceptableSkew(Leeway))
	return c, reasonOf(err)
}

func reasonOf(err error) Reason {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, jwt.TokenExpiredError()):
		return Expired
	case errors.Is(err, jwt.TokenNotYetValidError()), errors.Is(err, jwt.InvalidIssuedAtError()):
		return TooEarly
	case errors.Is(err, jwt.InvalidIssuerError()):
		return BadIssuer
	case errors.Is(err, jwt.InvalidAudienceError()):
		return BadAudience
	}
	return BadClaims
}
