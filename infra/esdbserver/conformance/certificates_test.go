package conformance_test

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	"orderflow/infra/esdbserver/conformance"
)

func TestCertificates(t *testing.T) {
	dir := t.TempDir()
	if err := conformance.WriteCertificates(dir, time.Now()); err != nil {
		t.Fatal(err)
	}
	leaf := func(folder string) *x509.Certificate {
		t.Helper()
		base := filepath.Join(dir, folder, folder)
		pair, err := tls.LoadX509KeyPair(base+".crt", base+".key")
		if err != nil {
			t.Fatal(err)
		}
		return pair.Leaf
	}
	pool := func(path ...string) *x509.CertPool {
		t.Helper()
		pem, err := os.ReadFile(filepath.Join(append([]string{dir}, path...)...))
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			t.Fatalf("%v holds no certificate", path)
		}
		return roots
	}
	node, ca, untrusted := leaf("node"), pool("ca", "ca.crt"), pool("untrusted-ca", "ca.crt")
	for _, host := range []string{"localhost", "127.0.0.1"} {
		for name, roots := range map[string]*x509.CertPool{"the authority": ca, "the node's own": pool("node", "node.crt")} {
			if _, err := node.Verify(x509.VerifyOptions{DNSName: host, Roots: roots}); err != nil {
				t.Errorf("node as %s, trusting %s: %v", host, name, err)
			}
		}
		if _, err := node.Verify(x509.VerifyOptions{DNSName: host, Roots: untrusted}); err == nil {
			t.Errorf("node as %s is trusted by a stranger", host)
		}
	}
	user := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if _, err := leaf("user-admin").Verify(x509.VerifyOptions{Roots: ca, KeyUsages: user}); err != nil {
		t.Errorf("user-admin: %v", err)
	}
	if _, err := leaf("user-invalid").Verify(x509.VerifyOptions{Roots: ca, KeyUsages: user}); err == nil {
		t.Error("user-invalid is valid")
	}
}
