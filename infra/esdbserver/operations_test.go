package esdbserver_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"orderflow/domain"
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
			want := map[string]codes.Code{"start scavenge": codes.Unimplemented, "stop a scavenge": codes.NotFound}[name]
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
	defer answer.Body.Close() //nolint:errcheck // it is only read
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

// scavenger has one scavenge under way at most.
type scavenger struct {
	asked  []esdbserver.ScavengeOptions
	active bool
	err    error
}

func (s *scavenger) StartScavenge(_ context.Context, o esdbserver.ScavengeOptions) (string, bool, error) {
	s.asked = append(s.asked, o)
	running := s.active
	s.active = s.err == nil
	return "the-one", running, s.err
}

func (s *scavenger) StopScavenge(_ context.Context, id string) (bool, error) {
	ok := s.active && id == "the-one"
	s.active = s.active && !ok
	return ok, s.err
}

// TestScavenges holds what a client sees to what a scavenger says.
func TestScavenges(t *testing.T) {
	does := &scavenger{}
	c := operationspb.NewOperationsClient(serve(t, memory.NewDense(), func(o *esdbserver.Options) { o.Scavenger = does }).dial(t))
	begin := func(threads, chunk int32) (*operationspb.ScavengeResp, error) {
		return c.StartScavenge(ctx(t), &operationspb.StartScavengeReq{Options: &operationspb.StartScavengeReq_Options{ThreadCount: threads, StartFromChunk: chunk}})
	}
	end := func(id string, trailers *metadata.MD) (*operationspb.ScavengeResp, error) {
		return c.StopScavenge(ctx(t), &operationspb.StopScavengeReq{Options: &operationspb.StopScavengeReq_Options{ScavengeId: id}}, grpc.Trailer(trailers))
	}
	var trailers metadata.MD
	for _, want := range []operationspb.ScavengeResp_ScavengeResult{operationspb.ScavengeResp_Started, operationspb.ScavengeResp_InProgress} {
		if got, err := begin(2, 3); err != nil || got.GetScavengeId() != "the-one" || got.GetScavengeResult() != want {
			t.Errorf("%v, %v; want %v", got, err, want)
		}
	}
	if does.asked[0] != (esdbserver.ScavengeOptions{Threads: 2, FromChunk: 3}) {
		t.Errorf("it was asked for %+v", does.asked)
	}
	_, err := end("another", &trailers)
	refused(t, "another scavenge", err, trailers, codes.NotFound, "scavenge-not-found", "scavenge-id", "another")
	if got, err := end("the-one", &trailers); err != nil || got.GetScavengeId() != "the-one" || got.GetScavengeResult() != operationspb.ScavengeResp_Stopped {
		t.Errorf("%v, %v", got, err)
	}
	_, err = end("the-one", &trailers)
	refused(t, "a scavenge that has ended", err, trailers, codes.NotFound, "scavenge-not-found")
	for _, bad := range [][2]int32{{-1, 0}, {1, -1}, {1_000, 0}} {
		if _, err := begin(bad[0], bad[1]); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%v: %v", bad, err)
		}
	}
	does.err = domain.Errorf(domain.ReadOnly, "The log is read-only.")
	if _, err := begin(1, 0); status.Code(err) != codes.Unavailable {
		t.Errorf("%v", err)
	}
	if _, err := end("the-one", &trailers); status.Code(err) != codes.Unavailable || errors.Is(err, does.err) {
		t.Errorf("%v", err)
	}
}
