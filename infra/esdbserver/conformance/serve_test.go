package conformance_test

import (
	"crypto/tls"
	"net"
	"path/filepath"
	"testing"

	"orderflow/infra/esdbserver"
	"orderflow/infra/esdbserver/internal/engine"
)

// serve starts a node in this process, on a log that no binary would have.
// positions may be nil; certificates is a folder of conformance.WriteCertificates, "" to go without TLS.
func serve(t *testing.T, log engine.Log, positions esdbserver.Positions, certificates string) (address string, stop func()) {
	t.Helper()
	options := esdbserver.Options{Log: log, Positions: positions, Insecure: certificates == ""}
	if certificates != "" {
		node := filepath.Join(certificates, "node", "node")
		pair, err := tls.LoadX509KeyPair(node+".crt", node+".key")
		if err != nil {
			t.Fatal(err)
		}
		options.Certificate = &pair
	}
	node, err := esdbserver.New(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- node.Serve(listener) }()
	return listener.Addr().String(), func() {
		if err := node.Close(); err != nil {
			t.Errorf("the node in this process: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("the node in this process: %v", err)
		}
	}
}
