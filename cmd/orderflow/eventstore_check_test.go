package main

import (
	"bytes"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc"

	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
	"orderflow/infra/esdbserver/clustertest"
	"orderflow/infra/memory"
)

// checked runs a check and returns what it prints and how it ends.
func checked(t *testing.T, connection string) (out, progress string, err error) {
	t.Helper()
	var o, e bytes.Buffer
	c := eventstoreCheckCmd{Connection: connection}
	err = c.Run(t.Context(), terminal.Streams{Out: &o, Err: &e}, slog.New(slog.DiscardHandler))
	return o.String(), e.String(), err
}

// TestCheckOfSilence checks a server that answers nothing.
func TestCheckOfSilence(t *testing.T) {
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
		<-s.Context().Done()
		return s.Context().Err()
	}))
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		<-served
	})
	_, _, err = checked(t, "esdb://admin:hunter2@"+listener.Addr().String()+"?tls=false")
	if terminal.ExitCode(err) != terminal.ExitUnavailable || !strings.Contains(err.Error(), "no answer within 5s") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
}

// TestCheckOfACluster checks a follower, and then a cluster without a leader.
func TestCheckOfACluster(t *testing.T) {
	c := clustertest.New(t, memory.NewDense(), clustertest.Options{})
	out, progress, err := checked(t, "esdb://"+c.Address(1)+"?tls=false")
	if err != nil || !strings.Contains(out, c.Address(1)+" is not the leader; that is "+c.Address(0)) || !strings.Contains(progress, "at "+c.Address(0)) || !strings.Contains(out, "0 differently") {
		t.Errorf("%v\n%s\n%s", err, out, progress)
	}
	c.LoseQuorum()
	if _, _, err := checked(t, "esdb://"+c.Address(1)+"?tls=false"); domain.KindOf(err) != domain.Unavailable {
		t.Errorf("without a leader: %v", err)
	}
}

// TestCheckFindsTruncatedStreams checks a server where a stream of ours hides events.
func TestCheckFindsTruncatedStreams(t *testing.T) {
	c := clustertest.New(t, memory.NewDense(), clustertest.Options{})
	parsed, err := esdb.ParseConnectionString(c.Connection())
	if err != nil {
		t.Fatal(err)
	}
	parsed.Logger = esdb.NoopLogging()
	client, err := esdb.NewClient(parsed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	var meta esdb.StreamMetadata
	meta.SetMaxCount(3)
	if _, err := client.SetStreamMetadata(t.Context(), "order-7", esdb.AppendToStreamOptions{}, meta); err != nil {
		t.Fatal(err)
	}
	out, _, err := checked(t, c.Connection())
	if terminal.ExitCode(err) != terminal.ExitFailed || !strings.Contains(err.Error(), "does not fit orderflow: streams") || !strings.Contains(out, "order-7 ($maxCount 3)") {
		t.Errorf("%v\n%s", err, out)
	}
}
