package strict_test

import (
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"orderflow/infra/esdbserver"
	"orderflow/infra/esdbserver/strict"
	"orderflow/infra/memory"
)

// TestTheNode asks the node everything, over the wire.
func TestTheNode(t *testing.T) {
	node, err := esdbserver.New(t.Context(), esdbserver.Options{Log: memory.NewDense(), Insecure: true})
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
		if err := node.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	for _, q := range strict.Questions() {
		t.Run(q.Part+"/"+q.Asked, func(t *testing.T) {
			answer, err := q.Put(t.Context(), conn)
			if err != nil {
				t.Fatal(err)
			}
			if answer != q.Wanted() || !q.Fits(answer) {
				t.Errorf("the answer is %s; want %s; a real server says %s", answer, q.Wanted(), q.Real)
			}
		})
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
