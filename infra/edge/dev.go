package edge

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"

	"orderflow/domain"
)

const (
	// DevName is the development issuer's iss.
	DevName = "orderflow-dev"
	// DevAudience is the audience of its tokens.
	DevAudience = "orderflow"
	// DevKeyFile is where its key is, in the data directory.
	DevKeyFile = "dev-issuer.jwk"
	// JWKSPath is where an edge that trusts it publishes its key set.
	JWKSPath = "/.well-known/jwks.json"
	// MaxDevTTL bounds the life of its tokens: they cannot be called back.
	MaxDevTTL = 30 * 24 * time.Hour
)

// EnvironmentVariable names the kind of environment, such as production.
const EnvironmentVariable = "ORDERFLOW_ENV"

// Production returns the variable, as NAME=value, that says that the process runs in
// production; it is empty elsewhere.
func Production() string {
	for _, variable := range []string{"ENV", EnvironmentVariable} {
		switch strings.ToLower(os.Getenv(variable)) {
		case "prod", "production":
			return variable + "=" + os.Getenv(variable)
		}
	}
	return ""
}

// DevIssuer gives out tokens on the machine of a developer, or in a test. Who
// can read the data directory can be anybody, so it is not for production, and
// refuses to exist there.
type DevIssuer struct {
	id      string
	private ed25519.PrivateKey
	jwks    []byte
}

// OpenDevIssuer opens the issuer of a data directory, and makes its key if
// there is none yet. Kinds: Rejected (in production), Invalid (a key that
// others may read, or none that can be read).
func OpenDevIssuer(dir string) (*DevIssuer, error) {
	if setting := Production(); setting != "" {
		return nil, domain.Errorf(domain.Rejected, "There is no development issuer in production (%s): have tokens checked against the key set of a real one.", setting)
	}
	name := filepath.Join(dir, DevKeyFile)
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeDevKey(dir, name); err == nil {
			data, err = os.ReadFile(name)
		}
	}
	if err != nil {
		return nil, domain.Wrap(domain.Invalid, err, "The development issuer's key cannot be read or made")
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm()&0o077 != 0 {
		return nil, domain.Errorf(domain.Invalid, "%s can be read by others: chmod 600 it, or remove it to have another made.", name)
	}
	return newDevIssuer(name, data)
}

func newDevIssuer(name string, data []byte) (*DevIssuer, error) {
	bad := func(err error) error {
		return domain.Wrap(domain.Invalid, err, "%s is not a key of the development issuer; remove it to have another made", name)
	}
	parsed, err := jwk.ParseKey(data)
	if err != nil {
		return nil, bad(err)
	}
	d := &DevIssuer{}
	if err := jwk.Export(parsed, &d.private); err != nil {
		return nil, bad(err)
	}
	thumb, err := parsed.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, bad(err)
	}
	d.id = base64.RawURLEncoding.EncodeToString(thumb)
	public, err := jwk.PublicKeyOf(d.private)
	if err != nil {
		return nil, bad(err)
	}
	for name, value := range map[string]any{jwk.KeyIDKey: d.id, jwk.KeyUsageKey: "sig", jwk.AlgorithmKey: jwa.EdDSA()} {
		if err := public.Set(name, value); err != nil {
			return nil, bad(err)
		}
	}
	d.jwks, err = json.Marshal(map[string]any{"keys": []any{public}})
	return d, err
}

// makeDevKey writes a new key, whole or not at all; another process that does
// the same at the same time may be the one whose key stays.
func makeDevKey(dir, name string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	parsed, err := jwk.Import(private)
	if err != nil {
		return err
	}
	data, err := json.Marshal(parsed)
	if err != nil {
		return err
	}
	half := name + "." + rand.Text() + ".new"
	if err := os.WriteFile(half, data, 0o600); err != nil {
		return err
	}
	defer os.Remove(half) //nolint:errcheck // it is there no more, or a leftover
	if err := os.Link(half, name); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// devClaims are the claims of a token of the development issuer.
type devClaims struct {
	Issuer   string            `json:"iss"`
	Subject  string            `json:"sub"`
	Audience string            `json:"aud"`
	Customer domain.CustomerID `json:"customer,omitempty"`
	Scope    string            `json:"scope"`
	IssuedAt int64             `json:"iat"`
	Expires  int64             `json:"exp"`
}

// Token returns a token for a subject that may act for a customer, or for none
// if that is empty, within scopes. It counts for ttl, from a second up to
// [MaxDevTTL].
func (d *DevIssuer) Token(subject string, customer domain.CustomerID, scopes []string, ttl time.Duration) (string, error) {
	if err := domain.CheckName("The subject", subject); err != nil {
		return "", err
	}
	if customer != "" {
		if err := domain.CheckName("The customer", string(customer)); err != nil {
			return "", err
		}
	}
	if len(scopes) > maxScopes {
		return "", domain.Errorf(domain.Invalid, "A token has at most %d scopes, not %d.", maxScopes, len(scopes))
	}
	for _, s := range scopes {
		if !isScope(s) {
			return "", domain.Errorf(domain.Invalid, "%q is not a scope.", s)
		}
	}
	if ttl < time.Second || ttl > MaxDevTTL {
		return "", domain.Errorf(domain.Invalid, "A token counts for 1s to %s, not %s.", MaxDevTTL, ttl)
	}
	now := time.Now()
	payload, err := json.Marshal(devClaims{
		Issuer: DevName, Subject: subject, Audience: DevAudience, Customer: customer, Scope: strings.Join(scopes, " "),
		IssuedAt: now.Unix(), Expires: now.Add(ttl).Unix(),
	})
	if err != nil {
		return "", err
	}
	return d.sign(payload)
}

func (d *DevIssuer) sign(payload []byte) (string, error) {
	h := jws.NewHeaders()
	for name, value := range map[string]string{jws.KeyIDKey: d.id, jws.TypeKey: "JWT"} {
		if err := h.Set(name, value); err != nil {
			return "", err
		}
	}
	signed, err := jws.Sign(payload, jws.WithKey(jwa.EdDSA(), d.private, jws.WithProtectedHeaders(h)))
	return string(signed), err
}

// JWKS returns the issuer's key set, to be published.
func (d *DevIssuer) JWKS() []byte { return d.jwks }

// ServeHTTP implements http.Handler: it publishes the key set.
func (d *DevIssuer) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/jwk-set+json")
	_, _ = w.Write(d.jwks) // the client may be gone
}
