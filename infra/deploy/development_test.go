package deploy_test

import (
	"bufio"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow/commands"
	"orderflow/infra/edge"
)

// made is one run of development.sh for all tests: its keys take a second.
var made struct {
	once sync.Once
	dir  string
	err  error
	said []byte
}

func TestMain(m *testing.M) {
	code := m.Run()
	if made.dir != "" {
		_ = os.RemoveAll(made.dir) // a folder of the system's own for such
	}
	os.Exit(code)
}

// secrets returns the folder that development.sh made.
func secrets(t *testing.T) string {
	t.Helper()
	made.once.Do(func() {
		if made.dir, made.err = os.MkdirTemp("", "orderflow-secrets-"); made.err == nil { //nolint:usetesting // all tests share it
			made.said, made.err = exec.Command("./development.sh", "--dir", made.dir).CombinedOutput() //nolint:noctx // it ends by itself, and outlasts the test that starts it
		}
	})
	if made.err != nil {
		t.Fatalf("development.sh: %v\n%s", made.err, made.said)
	}
	return made.dir
}

// development returns the variables that development.sh made.
func development(t *testing.T) map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join(secrets(t), ".env"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	env := map[string]string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, value, ok := strings.Cut(lines.Text(), "=")
		if !ok {
			t.Fatalf("not a variable: %s", lines.Text())
		}
		env[name] = value
	}
	return env
}

// TestSecretsAreClosed looks at who may read them.
func TestSecretsAreClosed(t *testing.T) {
	for name, want := range map[string]os.FileMode{".": 0o700, ".env": 0o600, "ca.key": 0o600, "jwt.key": 0o600} {
		info, err := os.Stat(filepath.Join(secrets(t), name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

// TestASecondRunChangesNothing runs it again in a folder that is complete.
func TestASecondRunChangesNothing(t *testing.T) {
	before := everything(t, secrets(t))
	if said, err := exec.CommandContext(t.Context(), "./development.sh", "--dir", secrets(t)).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if everything(t, secrets(t)) != before {
		t.Error("a file changed")
	}
}

func everything(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return readAll(t, append(files, filepath.Join(dir, ".env")))
}

// TestCertificatesNameTheirServers verifies each against the authority, under
// the names that clients use.
func TestCertificatesNameTheirServers(t *testing.T) {
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM([]byte(read(t, filepath.Join(secrets(t), "ca.crt"))))
	for file, host := range map[string]string{
		"nginx": "localhost", "eventstore-1": "eventstore-1", "eventstore-2": "eventstore-2", "eventstore-3": "eventstore-3",
	} {
		c, err := x509.ParseCertificate(block(t, filepath.Join(secrets(t), file+".crt")))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Verify(x509.VerifyOptions{Roots: trusted, DNSName: host}); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if strings.HasPrefix(file, "eventstore") && c.Subject.CommonName != "eventstoredb-node" {
			t.Errorf("%s: the nodes do not know %s", file, c.Subject.CommonName)
		}
	}
}

// TestTheTokenIsSignedByTheKeyThatIsShown verifies a token by jwt.pem, which
// Kong has, and by jwks.json, which the gateway role has.
func TestTheTokenIsSignedByTheKeyThatIsShown(t *testing.T) {
	parts := strings.Split(token(t), ".")
	if len(parts) != 3 {
		t.Fatalf("not a token: %d parts", len(parts))
	}
	signature := decoded(t, parts[2])
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	for from, key := range map[string]*rsa.PublicKey{"jwt.pem": pemKey(t), "jwks.json": jwksKey(t)} {
		if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature); err != nil {
			t.Errorf("%s: %v", from, err)
		}
	}
	var claims struct {
		Issuer   string `json:"iss"`
		Audience string `json:"aud"`
		Customer string `json:"customer"`
		Scope    string `json:"scope"`
		Expires  int64  `json:"exp"`
	}
	if err := json.Unmarshal(decoded(t, parts[1]), &claims); err != nil {
		t.Fatal(err)
	}
	env := development(t)
	left := time.Until(time.Unix(claims.Expires, 0))
	if claims.Issuer != env["ORDERFLOW_AUTH_ISSUER"] || claims.Audience != env["ORDERFLOW_AUTH_AUDIENCE"] || claims.Customer != "ada" ||
		claims.Scope != "orders reports" || left <= 0 || left > time.Hour {
		t.Errorf("claims %+v", claims)
	}
}

// TestTheGatewayTakesTheToken puts the gateway role's own edge in front of a
// handler, with the key set and the variables that the containers get.
func TestTheGatewayTakesTheToken(t *testing.T) {
	env := development(t)
	var refused edge.Reason
	e, err := edge.New(t.Context(), edge.Options{
		Issuer: env["ORDERFLOW_AUTH_ISSUER"], Audience: env["ORDERFLOW_AUTH_AUDIENCE"], JWKS: filepath.Join(secrets(t), "jwks.json"),
		Refuse:   func(w http.ResponseWriter, _, _ string, _ int) { w.WriteHeader(http.StatusUnauthorized) },
		Observer: edge.Observer{Refused: func(r edge.Reason) { refused = r }},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close() //nolint:errcheck // it only reads
	var caller commands.Caller
	h := e.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { caller, _ = commands.CallerOf(r.Context()) }))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/orders", nil)
	r.Header.Set("Authorization", "Bearer "+token(t))
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, r)
	if answer.Code != http.StatusOK || caller.Customer != "ada" {
		t.Errorf("%d for %+v: %v", answer.Code, caller, refused)
	}
}

// token is one of ada, for orders and reports.
func token(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "./development.sh", "--dir", secrets(t), "token", "ada", "orders reports").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func pemKey(t *testing.T) *rsa.PublicKey {
	t.Helper()
	key, err := x509.ParsePKIXPublicKey(block(t, filepath.Join(secrets(t), "jwt.pem")))
	if err != nil {
		t.Fatal(err)
	}
	return key.(*rsa.PublicKey)
}

func jwksKey(t *testing.T) *rsa.PublicKey {
	t.Helper()
	var set struct {
		Keys []struct{ N, E string }
	}
	if err := json.Unmarshal([]byte(read(t, filepath.Join(secrets(t), "jwks.json"))), &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("%v, %d keys", err, len(set.Keys))
	}
	e := new(big.Int).SetBytes(decoded(t, set.Keys[0].E))
	return &rsa.PublicKey{N: new(big.Int).SetBytes(decoded(t, set.Keys[0].N)), E: int(e.Int64())}
}

func block(t *testing.T, file string) []byte {
	t.Helper()
	b, _ := pem.Decode([]byte(read(t, file)))
	if b == nil {
		t.Fatalf("%s is not PEM", file)
	}
	return b.Bytes
}

func decoded(t *testing.T, text string) []byte {
	t.Helper()
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
