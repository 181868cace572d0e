package clustertest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"orderflow/infra/esdbserver/clustertest"
	"orderflow/infra/memory"
)

// TestTheOfficialClientFindsTheLeader by gossip, and again by the trailers.
func TestTheOfficialClientFindsTheLeader(t *testing.T) {
	c := fresh(t)
	for _, leader := range []int{2, 1, 0} {
		c.Resign(leader)
		client := official(t, c.Connection())
		if _, err := client.AppendToStream(onLeader(within(t, patience)), "x", esdb.AppendToStreamOptions{}, event()); err != nil {
			t.Fatalf("while node %d leads: %v", leader, err)
		}
	}
	client := official(t, c.Connection())
	appendNow := func() error {
		_, err := client.AppendToStream(onLeader(within(t, patience)), "x", esdb.AppendToStreamOptions{}, event())
		return err
	}
	if err := appendNow(); err != nil {
		t.Fatal(err)
	}
	c.Resign(1)
	var failed *esdb.Error
	if err := appendNow(); !errors.As(err, &failed) || failed.Code() != esdb.ErrorCodeNotLeader {
		t.Errorf("after the leader resigned: %v", err)
	}
	if err := appendNow(); err != nil {
		t.Errorf("once the client has moved: %v", err)
	}
	if n := c.Counts(0); n.NotLeader != 1 {
		t.Errorf("node 0: %+v", n)
	}
}

// TestTheOfficialClientIsDropped shows what a subscriber is told: the status,
// and nothing of the leader.
func TestTheOfficialClientIsDropped(t *testing.T) {
	c := fresh(t)
	client := official(t, c.Connection())
	sub, err := client.SubscribeToAll(onLeader(within(t, patience)), esdb.SubscribeToAllOptions{From: esdb.Start{}})
	if err != nil {
		t.Fatal(err)
	}
	c.Resign(1)
	for {
		if m := sub.Recv(); m.SubscriptionDropped != nil {
			break
		}
	}
	again, err := client.SubscribeToAll(onLeader(within(t, patience)), esdb.SubscribeToAllOptions{From: esdb.Start{}})
	if err != nil {
		t.Fatalf("a follower confirms: %v", err)
	}
	if m := again.Recv(); m.SubscriptionDropped == nil {
		t.Errorf("the client moved by itself, and got %+v", m)
	}
}

func TestClusterOverTLS(t *testing.T) {
	certificate, file := certify(t)
	c := clustertest.New(t, memory.NewDense(), clustertest.Options{Certificate: certificate})
	c.Resign(2)
	client := official(t, "esdb://admin:changeit@"+c.Addresses()+"?tls=true&tlsCAFile="+file)
	if _, err := client.AppendToStream(onLeader(within(t, patience)), "x", esdb.AppendToStreamOptions{}, event()); err != nil {
		t.Fatal(err)
	}
	c.Kill(2)
	c.Elect(0)
	client = official(t, "esdb://admin:changeit@"+c.Addresses()+"?tls=true&tlsCAFile="+file)
	if _, err := client.AppendToStream(onLeader(within(t, patience)), "x", esdb.AppendToStreamOptions{}, event()); err != nil {
		t.Errorf("after the leader's death: %v", err)
	}
}

// TestGossipOverHTTP tells what gossip over gRPC tells.
func TestGossipOverHTTP(t *testing.T) {
	c := fresh(t)
	c.Resign(1)
	c.Kill(2)
	var told struct {
		Members []struct {
			State   string
			IsAlive bool
		}
	}
	get(t, "http://"+c.Address(0)+"/gossip", &told)
	if m := told.Members; len(m) != 3 || m[0].State != "Follower" || m[1].State != "Leader" || m[2].IsAlive {
		t.Errorf("told %+v", told)
	}
	var info struct{ State string }
	if get(t, "http://"+c.Address(0)+"/info", &info); info.State != "follower" {
		t.Errorf("the node says that it is %q", info.State)
	}
}

func get(t *testing.T, url string, into any) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(within(t, patience), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
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
	file := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}
