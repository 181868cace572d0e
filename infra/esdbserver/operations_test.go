package esdbserver_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"orderflow/infra/esdbserver"
	"orderflow/infra/esdbserver/conformance"
	"orderflow/infra/esdbserver/operationspb"
	"orderflow/infra/memory"
)

// operation is a method of the operations service.
type operation func(c context.Context, o ...grpc.CallOption) error

func (s services) all() map[string]operation {
	return map[string]operation{
		"merge indexes": func(c context.Context, o ...grpc.CallOption) error {
			_, err := s.operations.MergeIndexes(c, empty(), o...)
			return err
		},
		"resign": func(c context.Context, o ...grpc.CallOption) error {
			_, err := s.operations.ResignNode(c, empty(), o...)
			return err
		},
		"restart groups": func(c context.Context, o ...grpc.CallOption) error {
			_, err := s.operations.RestartPersistentSubscriptions(c, empty(), o...)
			return err
		},
		"set priority": func(c context.Context, o ...grpc.CallOption) error {
			_, err := s.operations.SetNodePriority(c, &operationspb.SetNodePriorityReq{Priority: 1}, o...)
			return err
		},
		"start scavenge": func(c context.Context, o ...grpc.CallOption) error {
			_, err := s.operations.StartScavenge(c, &operationspb.StartScavengeReq{Options: &operationspb.StartScavengeReq_Options{ThreadCount: 1}}, o...)
			return err
		},
		"stop a scavenge": func(c context.Context, o ...grpc.CallOption) error {
			_, err := s.operations.StopScavenge(c, &operationspb.StopScavengeReq{Options: &operationspb.StopScavengeReq_Options{ScavengeId: "x"}}, o...)
			return err
		},
		"shutdown": func(c context.Context, o ...grpc.CallOption) error {
			_, err := s.operations.Shutdown(c, empty(), o...)
			return err
		},
	}
}

// TestWhoMayOperate asks for every operation as everybody. Only a node that
// nobody may end is still there afterwards.
func TestWhoMayOperate(t *testing.T) {
	n, ca := secure(t)
	s := n.services(t)
	s.person(t, "ada", "g")
	s.person(t, "bob", "$ops")
	s.person(t, "root2", "$admins")
	for name, do := range s.all() {
		for who, want := range map[string]codes.Code{"": codes.PermissionDenied, "ada:secret": codes.PermissionDenied, "ada:wrong": codes.Unauthenticated, "nobody:secret": codes.Unauthenticated} {
			var trailers metadata.MD
			err := do(by(t, who), grpc.Trailer(&trailers))
			if want == codes.PermissionDenied {
				refused(t, name+" by "+who, err, trailers, want, "access-denied")
			} else if status.Code(err) != want {
				t.Errorf("%s by %q: %v", name, who, err)
			}
		}
		for _, who := range []string{root, "ops:changeit", "bob:secret", "root2:secret"} {
			want := map[string]codes.Code{"stop a scavenge": codes.NotFound}[name]
			if name == "shutdown" {
				continue
			}
			if err := do(by(t, who)); status.Code(err) != want {
				t.Errorf("%s by %s: %v", name, who, err)
			}
		}
	}
	mustAppend(t, n.as(t, ca, root), "s", event("a"))
}

// TestShutdown ends the node: the client gets its answer, and Serve returns.
func TestShutdown(t *testing.T) {
	for _, who := range []string{root, "ops:changeit"} {
		dir := t.TempDir()
		if err := conformance.WriteCertificates(dir, time.Now()); err != nil {
			t.Fatal(err)
		}
		certificate, err := tls.LoadX509KeyPair(filepath.Join(dir, "node", "node.crt"), filepath.Join(dir, "node", "node.key"))
		if err != nil {
			t.Fatal(err)
		}
		n, ended := startNoted(t, memory.NewDense(), func(o *esdbserver.Options) { o.Insecure, o.Certificate = false, &certificate })
		if err := n.services(t).all()["shutdown"](by(t, who)); err != nil {
			t.Errorf("%s ends the node: %v", who, err)
		}
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the node ended with %v", err)
			}
		case <-ctx(t).Done():
			t.Fatal("the node goes on")
		}
	}
}

// TestPriorityIsShown where probes look.
func TestPriorityIsShown(t *testing.T) {
	n := serve(t, memory.NewDense())
	if _, err := operationspb.NewOperationsClient(n.dial(t)).SetNodePriority(ctx(t), &operationspb.SetNodePriorityReq{Priority: 7}); err != nil {
		t.Fatal(err)
	}
	client := http.Client{Timeout: patience}
	defer client.CloseIdleConnections()
	answer, err := client.Get("http://" + n.address + "/gossip") //nolint:noctx // the client has a limit
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var said struct{ Members []struct{ NodePriority int } }
	if err := json.NewDecoder(answer.Body).Decode(&said); err != nil || len(said.Members) != 1 || said.Members[0].NodePriority != 7 {
		t.Errorf("%+v, %v", said, err)
	}
}

// TestRestartDropsGroups says that the subsystem really begins again.
func TestRestartDropsGroups(t *testing.T) {
	n, ca := secure(t)
	admin := n.as(t, ca, root)
	if err := admin.CreatePersistentSubscription(ctx(t), "s", "g", esdb.PersistentStreamSubscriptionOptions{}); err != nil {
		t.Fatal(err)
	}
	group, err := admin.SubscribeToPersistentSubscription(ctx(t), "s", "g", esdb.SubscribeToPersistentSubscriptionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.services(t).all()["restart groups"](by(t, "ops:changeit")); err != nil {
		t.Fatal(err)
	}
	if e := group.Recv(); e.SubscriptionDropped == nil {
		t.Errorf("the client goes on with %+v", e)
	}
}
