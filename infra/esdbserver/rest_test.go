package esdbserver_test

import (
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"orderflow/infra/memory"
)

// TestReasonAfterTheRest: a client that goes on sending after the node has
// refused is not cut off, and gets the reason when it asks for it.
func TestReasonAfterTheRest(t *testing.T) {
	const messages = 2_000
	c, err := grpc.NewClient(serve(t, memory.NewDense()).address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	call, err := streams.NewStreamsClient(c).Append(ctx(t))
	if err != nil {
		t.Fatal(err)
	}
	event := &streams.AppendReq{Content: &streams.AppendReq_ProposedMessage_{
		ProposedMessage: &streams.AppendReq_ProposedMessage{Data: make([]byte, 1_000)}, // and not where it goes to, first
	}}
	for i := range messages {
		if err := call.Send(event); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	if _, err := call.CloseAndRecv(); status.Code(err) != codes.Unknown {
		t.Errorf("the append was answered with %v", err)
	}
}
