package edge_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/infra/edge"
)

// TestDevIssuerIsTheSameAfterARestart opens a data directory many times at once,
// and then again.
func TestDevIssuerIsTheSameAfterARestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	var all sync.WaitGroup
	keys := make([][]byte, 16)
	for i := range keys {
		all.Go(func() {
			d, err := edge.OpenDevIssuer(dir)
			if err != nil {
				t.Error(err)
				return
			}
			keys[i] = d.JWKS()
		})
	}
	all.Wait()
	for _, k := range keys {
		if !bytes.Equal(k, keys[0]) {
			t.Fatalf("two keys were made: %s and %s", k, keys[0])
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || left[0].Name() != edge.DevKeyFile {
		t.Errorf("in the folder are %v, %v", left, err)
	}
	info, err := os.Stat(filepath.Join(dir, edge.DevKeyFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's mode is %v, %v", info.Mode(), err)
	}
	if bytes.Contains(keys[0], []byte(`"d":`)) {
		t.Errorf("the private key is published: %s", keys[0])
	}
}

// TestDevTokensCount gives tokens out and sends them to an edge that trusts the
// issuer directly, and to one that fetches its key set.
func TestDevTokensCount(t *testing.T) {
	d, stranger := devIssuer(t), devIssuer(t)
	direct := open(t, edge.Options{Dev: d})
	set := direct.ask(http.MethodGet, edge.JWKSPath)
	if set.StatusCode != http.StatusOK || set.Header.Get("Content-Type") != "application/jwk-set+json" {
		t.Fatalf("the key set: %d, %v", set.StatusCode, set.Header)
	}
	p := publish()
	p.change([]byte(body(t, set)))
	far, err := edge.New(t.Context(), edge.Options{Issuer: edge.DevName, Audience: edge.DevAudience, JWKS: "https://dev.example/", Transport: p, Refuse: func(http.ResponseWriter, string, string, int) {}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = far.Close() }()
	token, err := d.Token("grace", "ada", []string{"orders", "support"}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if got := direct.with(token); got != http.StatusNoContent {
		t.Errorf("%d, %v", got, direct.reasons)
	}
	got := direct.callers[0]
	if got.Subject != "grace" || got.Customer != "ada" || !slices.Equal(got.Scopes, []string{"orders", "support"}) || time.Until(got.Expires) > time.Minute {
		t.Errorf("the caller is %+v", got)
	}
	strange, err := stranger.Token("grace", "ada", nil, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if got := direct.with(strange); got != http.StatusUnauthorized {
		t.Errorf("another data directory's token got %d", got)
	}
}

// TestDevTokensOfNothing asks for tokens that would not count.
func TestDevTokensOfNothing(t *testing.T) {
	d := devIssuer(t)
	for name, err := range map[string]error{
		"no subject":          second(d.Token("", "ada", nil, time.Hour)),
		"a bad customer":      second(d.Token("a", " ada", nil, time.Hour)),
		"a scope with spaces": second(d.Token("a", "ada", []string{"orders admin"}, time.Hour)),
		"an empty scope":      second(d.Token("a", "ada", []string{""}, time.Hour)),
		"too many scopes":     second(d.Token("a", "ada", slices.Repeat([]string{"x"}, 65), time.Hour)),
		"no time":             second(d.Token("a", "ada", nil, 0)),
		"too long":            second(d.Token("a", "ada", nil, edge.MaxDevTTL+1)),
	} {
		if domain.KindOf(err) != domain.Invalid || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second(_ string, err error) error { return err }

// TestNoDevIssuerInProduction names the environment in every way.
func TestNoDevIssuerInProduction(t *testing.T) {
	for _, variable := range []string{"ENV", "ORDERFLOW_ENV"} {
		for _, value := range []string{"prod", "production", "PROD", "Production"} {
			t.Run(variable+"="+value, func(t *testing.T) {
				t.Setenv(variable, value)
				dir := t.TempDir()
				if _, err := edge.OpenDevIssuer(dir); domain.KindOf(err) != domain.Rejected {
					t.Errorf("%v", err)
				}
				if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
					t.Errorf("a key was made: %v, %v", left, err)
				}
			})
		}
	}
	t.Setenv("ENV", "development")
	if _, err := edge.OpenDevIssuer(t.TempDir()); err != nil {
		t.Error(err)
	}
}

// TestDevKeysThatAreRefused breaks the file of the key.
func TestDevKeysThatAreRefused(t *testing.T) {
	rs, err := json.Marshal(newRSA("r", "RS256", 2048).jwkOf())
	if err != nil {
		t.Fatal(err)
	}
	public, err := json.Marshal(newEd25519("p").jwkOf())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data []byte
		mode os.FileMode
	}{
		"empty": {nil, 0o600}, "nonsense": {[]byte("key"), 0o600}, "a public key": {public, 0o600}, "an RSA key": {rs, 0o600},
		"an oct key": {[]byte(`{"kty":"oct","k":"AAAA"}`), 0o600},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, edge.DevKeyFile), c.data, c.mode); err != nil {
			t.Fatal(err)
		}
		if _, err := edge.OpenDevIssuer(dir); domain.KindOf(err) != domain.Invalid || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	dir := t.TempDir()
	if _, err := edge.OpenDevIssuer(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, edge.DevKeyFile), 0o640); err != nil { //nolint:gosec // that is what is tried
		t.Fatal(err)
	}
	if _, err := edge.OpenDevIssuer(dir); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that others can read: %v", err)
	}
}
