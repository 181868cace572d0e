package strict_test

import (
	"crypto/tls"
	"errors"
	"net"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"

	"orderflow/infra/esdbserver"
	"orderflow/infra/esdbserver/conformance"
	"orderflow/infra/esdbserver/servers"
	"orderflow/infra/esdbserver/strict"
	"orderflow/infra/memory"
)

// serve starts a node and returns how it is asked.
func serve(t *testing.T, secure bool) strict.Asking {
	t.Helper()
	o, query, login := esdbserver.Options{Log: memory.NewDense(), Insecure: !secure}, "?tls=false", ""
	if secure {
		dir := t.TempDir()
		if err := conformance.WriteCertificates(dir, time.Now()); err != nil {
			t.Fatal(err)
		}
		certificate, err := tls.LoadX509KeyPair(filepath.Join(dir, "node", "node.crt"), filepath.Join(dir, "node", "node.key"))
		if err != nil {
			t.Fatal(err)
		}
		o.Certificate, query, login = &certificate, "?tlsCaFile="+filepath.Join(dir, "ca", "ca.crt"), "admin:changeit@"
	}
	node, err := esdbserver.New(t.Context(), o)
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
	t.Cleanup(func() {
		if err := errors.Join(node.Close(), <-served); err != nil {
			t.Error(err)
		}
	})
	return dial(t, "esdb://"+login+listener.Addr().String()+query)
}

// dial returns how the server of a connection string is asked.
func dial(t *testing.T, connection string) strict.Asking {
	t.Helper()
	named, err := servers.Parse(connection)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := named.Dial(named.Addresses[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	asking := strict.Asking{Conn: conn, Harmful: true}
	if !named.Insecure() {
		asking.As = func(login, password string) (strict.Conn, error) {
			return named.DialAs(named.Addresses[0], login, password)
		}
	}
	return asking
}

// check says what is wrong with an answer of the node.
func check(t *testing.T, r strict.Result) {
	t.Helper()
	if r.Answer != r.Wanted() || r.Outcome != strict.Alike && r.Outcome != strict.Ours {
		t.Errorf("the node %s (%s %s); want %s; a real server: %s", strict.Words(r.Answer), r.Outcome, r.Note, r.Wanted(), r.Real)
	}
	if r.Want != "" && r.Outcome != strict.Ours {
		t.Errorf("the row is the node's own, and the outcome is %q", r.Outcome)
	}
}

// TestTheNode puts every question to the node, over the wire: users with TLS,
// the rest without it. A row on which the node answers otherwise than a real
// server is logged with its reason, and so is how many there are.
func TestTheNode(t *testing.T) {
	ours, asked := 0, 0
	for r := range serve(t, false).Questions(t.Context()) {
		if r.Users {
			continue
		}
		asked++
		t.Run(r.Part+"/"+r.Asked, func(t *testing.T) {
			check(t, r)
			if r.Want != "" {
				ours++
				t.Logf("ours: the node %s, a real server %s: %s", strict.Words(r.Want), strict.Words(r.Real), r.Reason)
			}
		})
	}
	t.Logf("%d of %d rows are ours", ours, asked)
}

// TestTheNodeWithTLS puts all questions as an administrator.
func TestTheNodeWithTLS(t *testing.T) {
	for r := range serve(t, true).Questions(t.Context()) {
		t.Run(r.Part+"/"+r.Asked, func(t *testing.T) { check(t, r) })
	}
}

// TestTheTable holds every question to what makes it one.
func TestTheTable(t *testing.T) {
	seen := map[string]bool{}
	for _, q := range strict.Questions() {
		key := q.Part + ": " + q.Asked
		if seen[key] {
			t.Errorf("%s is asked twice", key)
		}
		seen[key] = true
		if q.Real == "" || (q.Want == "") != (q.Reason == "") || q.Want == q.Real || q.Ask == nil {
			t.Errorf("%s: it needs what a real server answers, and a reason for every other answer", key)
		}
	}
}

var _ strict.Conn = (*grpc.ClientConn)(nil)
