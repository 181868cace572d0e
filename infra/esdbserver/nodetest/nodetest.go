// Package nodetest starts a node for examples: without TLS, on a free port of this
// machine.
package nodetest

import (
	"context"
	"errors"
	"net"

	"orderflow/infra/esdbserver"
)

// Start starts a node on a log and returns its address, host:port. stop ends it. An example has
// no testing.TB to report to, so a failure panics.
func Start(log esdbserver.Log) (address string, stop func()) {
	ctx := context.Background()
	node, err := esdbserver.New(ctx, esdbserver.Options{Log: log, Insecure: true})
	if err != nil {
		panic(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		panic(errors.Join(err, node.Close()))
	}
	served := make(chan error, 1)
	go func() { served <- node.Serve(listener) }()
	return listener.Addr().String(), func() {
		if err := errors.Join(node.Close(), <-served); err != nil {
			panic(err)
		}
	}
}
