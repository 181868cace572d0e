package eventstoredb_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderflow/infra/esdbserver"
	"orderflow/infra/esdbserver/userclient"
	"orderflow/infra/eventstoredb"
)

func TestMain(m *testing.M) {
	// The clock of the regular expressions of our node, which ends by itself.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/dlclark/regexp2.runClock"))
}

// node is a node of ours that is being served.
type node struct {
	server  *esdbserver.Server
	address string
	served  chan error
}

// serve starts a node on a log, at an address or on a free port.
func serve(t testing.TB, log esdbserver.Log, address string, certificate *tls.Certificate) *node {
	t.Helper()
	server, err := esdbserver.New(context.Background(), esdbserver.Options{Log: log, Certificate: certificate, Insecure: certificate == nil})
	if err != nil {
		t.Fatal(err)
	}
	var lc net.ListenConfig
	socket, err := lc.Listen(context.Background(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{server: server, address: socket.Addr().String(), served: make(chan error, 1)}
	go func() { n.served <- server.Serve(socket) }()
	return n
}

// stop ends the node; the log stays.
func (n *node) stop(t testing.TB) {
	t.Helper()
	if err := n.server.Close(); err != nil {
		t.Error(err)
	}
	if err := <-n.served; err != nil {
		t.Error(err)
	}
}

// admin looks after the users of a node with TLS.
func (n *node) admin(t testing.TB, ca string) *userclient.Client {
	t.Helper()
	c, err := userclient.Open("esdb://admin:changeit@" + n.address + "?tlsCaFile=" + ca)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

const free = "127.0.0.1:0"

// connect returns a log on what listens at an address, closed at the end of the test.
func connect(t testing.TB, address string, opts eventstoredb.Options) *eventstoredb.Log {
	t.Helper()
	return open(t, "esdb://"+address+"?tls=false", opts)
}

func open(t testing.TB, connection string, opts eventstoredb.Options) *eventstoredb.Log {
	t.Helper()
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	log, err := eventstoredb.Open(connection, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	})
	return log
}

// certify makes a certificate for this machine, and writes it where a client can read it.
func certify(t testing.TB) (*tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "orderflow test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, path
}
