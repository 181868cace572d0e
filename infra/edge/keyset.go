package edge

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"

	"orderflow/domain"
)

const (
	// maxKeys bounds a key set; an issuer that rotates has two or three.
	maxKeys = 64
	// minRSABits is where RSA begins to be strong enough (NIST SP 800-131A).
	minRSABits = 2048
	// maxRSABits bounds what one verification may cost.
	maxRSABits = 8192
)

// key is one that tokens may be signed with. It has one algorithm, whatever a
// token claims.
type key struct {
	id     string
	alg    jwa.SignatureAlgorithm
	public crypto.PublicKey
	print  string // its RFC 7638 thumbprint
}

// keySet has the keys by their kid.
type keySet map[string]*key

// parseKeys reads a JWKS (RFC 7517). Keys that are not for signatures, or of
// other kinds than ours, are passed over, as RFC 7517 wants; a document
// without any that can be used is refused, and so is one in which two have the
// same kid.
func parseKeys(data []byte) (keySet, error) {
	var doc struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, domain.Wrap(domain.Invalid, err, "The key set is not JSON")
	}
	if len(doc.Keys) > maxKeys {
		return nil, domain.Errorf(domain.Invalid, "The key set has %d keys; at most %d are allowed.", len(doc.Keys), maxKeys)
	}
	set := keySet{}
	for _, raw := range doc.Keys {
		k := parseKey(raw)
		if k == nil {
			continue
		}
		if set[k.id] != nil {
			return nil, domain.Errorf(domain.Invalid, "The key set has two keys with the same kid.")
		}
		set[k.id] = k
	}
	if len(set) == 0 {
		return nil, domain.Errorf(domain.Invalid, "The key set has no key for EdDSA, ES256 or RS256 with a kid.")
	}
	return set, nil
}

// parseKey returns nil for a key that is not for us.
func parseKey(raw []byte) *key {
	parsed, err := jwk.ParseKey(raw)
	if err != nil {
		return nil
	}
	id, ok := parsed.KeyID()
	if !ok || domain.CheckName("The key", id) != nil {
		return nil
	}
	if use, ok := parsed.KeyUsage(); ok && use != "sig" {
		return nil
	}
	k := &key{id: id}
	if k.alg, k.public, ok = algorithmOf(parsed); !ok {
		return nil
	}
	if alg, named := parsed.Algorithm(); named && alg.String() != k.alg.String() {
		return nil
	}
	thumb, err := parsed.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil
	}
	k.print = string(thumb)
	return k
}

// algorithmOf returns which algorithm a key is for; private and symmetric keys are for none.
func algorithmOf(parsed jwk.Key) (alg jwa.SignatureAlgorithm, public crypto.PublicKey, ok bool) {
	var raw any
	if err := jwk.Export(parsed, &raw); err != nil {
		return alg, nil, false
	}
	switch k := raw.(type) {
	case ed25519.PublicKey:
		return jwa.EdDSA(), k, len(k) == ed25519.PublicKeySize
	case *ecdsa.PublicKey:
		_, err := k.ECDH() // is the point on the curve?
		return jwa.ES256(), k, k.Curve == elliptic.P256() && err == nil
	case *rsa.PublicKey:
		bits := k.N.BitLen()
		return jwa.RS256(), k, bits >= minRSABits && bits <= maxRSABits && k.E > 2 && k.E%2 == 1
	}
	return alg, nil, false
}
