package strict_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"orderflow/infra/esdbserver/strict"
)

// hostile returns a server that answers every call as it is told.
func hostile(t *testing.T, answer grpc.StreamHandler) string {
	t.Helper()
	server := grpc.NewServer(grpc.UnknownServiceHandler(answer))
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
	return listener.Addr().String()
}

// TestSilence puts the questions to a server that answers nothing: it is asked
// some, and then no more.
func TestSilence(t *testing.T) {
	address := hostile(t, func(_ any, s grpc.ServerStream) error {
		<-s.Context().Done()
		return s.Context().Err()
	})
	asking := dial(t, "esdb://"+address+"?tls=false")
	asking.Timeout = 100 * time.Millisecond
	counts := map[strict.Outcome]int{}
	for r := range asking.Questions(t.Context()) {
		counts[r.Outcome]++
		if r.Outcome == strict.Unanswered && r.Note != "no answer within 100ms" {
			t.Errorf("%s: %s", r.Asked, r.Note)
		}
	}
	if counts[strict.Unanswered] != 3 || counts[strict.Unasked] != len(strict.Questions())-3 {
		t.Errorf("the outcomes are %v", counts)
	}
}

// TestDenied puts the questions to a server that lets the user do nothing: that
// is no difference.
func TestDenied(t *testing.T) {
	address := hostile(t, func(any, grpc.ServerStream) error { return status.Error(codes.PermissionDenied, "Access Denied") })
	for r := range dial(t, "esdb://"+address+"?tls=false").Questions(t.Context()) {
		if r.Outcome != strict.Unasked && r.Real != "PermissionDenied" {
			t.Errorf("%s: %s, %s", r.Asked, r.Outcome, r.Answer)
		}
	}
}

// TestDoneInTime ends at the bound of the whole.
func TestDoneInTime(t *testing.T) {
	asking := serve(t, false)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	asked := 0
	for r := range asking.Questions(ctx) {
		if cancel(); r.Note != "the time was up" && r.Note != "without TLS there are no users" {
			asked++
		}
	}
	if asked != 1 {
		t.Errorf("%d were asked after the time was up", asked-1)
	}
}

// fromStart is a server's fault: it takes any position for the start of $all.
type fromStart struct{ grpc.ClientStream }

func (c fromStart) SendMsg(m any) error {
	if r, ok := m.(*streams.ReadReq); ok && r.GetOptions().GetAll().GetPosition() != nil {
		r.GetOptions().GetAll().AllOption = &streams.ReadReq_Options_AllOptions_Start{Start: &shared.Empty{}}
	}
	return c.ClientStream.SendMsg(m)
}

// wrapped is a connection over which the fault is seen.
type wrapped struct{ grpc.ClientConnInterface }

func (c wrapped) NewStream(ctx context.Context, d *grpc.StreamDesc, method string, o ...grpc.CallOption) (grpc.ClientStream, error) {
	s, err := c.ClientConnInterface.NewStream(ctx, d, method, o...)
	return fromStart{s}, err
}

// TestAFaultIsNamed asks a node that takes numbers for positions which are none.
func TestAFaultIsNamed(t *testing.T) {
	asking := serve(t, false)
	asking.Conn = wrapped{asking.Conn}
	named := map[string]bool{}
	for r := range asking.Questions(t.Context()) {
		if r.Outcome == strict.Different {
			named[r.Asked] = true
		}
	}
	for _, asked := range []string{"subscribe from a position + 1", "subscribe, filtered, from a position - 1", "read backwards from beyond the end"} {
		if !named[asked] {
			t.Errorf("%q is not named; what is: %v", asked, named)
		}
	}
}

// TestItCleansUp looks for streams that questions left behind in an ordinary
// state: all are deleted, or ended for ever.
func TestItCleansUp(t *testing.T) {
	asking := serve(t, false)
	asking.Harmful, asking.Name = false, "orderflowcheck-here"
	for r := range asking.Questions(t.Context()) {
		_ = r
	}
	left := map[string]bool{}
	for _, e := range readAll(t, asking.Conn) {
		name := string(e.GetStreamIdentifier().GetStreamName())
		switch kind := e.GetMetadata()["type"]; {
		case strings.HasPrefix(name, "$persistentsubscription-"): // the server's own
		case strings.HasPrefix(name, "$$"):
			delete(left, strings.TrimPrefix(name, "$$"))
		case kind == "$streamDeleted":
			delete(left, name)
		case strings.Contains(name, asking.Name):
			left[name] = true
		}
	}
	if len(left) > 0 {
		t.Errorf("these are left: %v", left)
	}
}

func readAll(t *testing.T, conn grpc.ClientConnInterface) (list []*streams.ReadResp_ReadEvent_RecordedEvent) {
	t.Helper()
	call, err := streams.NewStreamsClient(conn).Read(t.Context(), &streams.ReadReq{Options: &streams.ReadReq_Options{
		StreamOption: &streams.ReadReq_Options_All{All: &streams.ReadReq_Options_AllOptions{AllOption: &streams.ReadReq_Options_AllOptions_Start{Start: &shared.Empty{}}}},
		CountOption:  &streams.ReadReq_Options_Count{Count: 1 << 20}, FilterOption: &streams.ReadReq_Options_NoFilter{NoFilter: &shared.Empty{}},
		UuidOption: &streams.ReadReq_Options_UUIDOption{Content: &streams.ReadReq_Options_UUIDOption_String_{String_: &shared.Empty{}}},
	}})
	for err == nil {
		var m *streams.ReadResp
		if m, err = call.Recv(); m.GetEvent() != nil {
			list = append(list, m.GetEvent().GetEvent())
		}
	}
	return list
}
