package esdbserver

import (
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

// restTimeout bounds how long a client may take to send the rest of a call
// that has failed: what it takes for 32 MiB on a slow line, and no longer.
const restTimeout = 10 * time.Second

// takeRest takes in what a client still sends of a call that has failed.
// Clients send a whole append before they look for the answer; one whose call
// ends meanwhile takes that for a broken connection and never learns the
// reason. So a wrong password would now and then be reported as EOF.
func (s *Server) takeRest(stream grpc.ServerStream) {
	limit := time.NewTimer(restTimeout)
	defer limit.Stop()
	taken := make(chan struct{})
	go func() { // ends with the call at the latest
		defer close(taken)
		for bytes := 0; bytes <= maxIncomingBytes; {
			var message emptypb.Empty // of whatever kind: all its fields are unknown
			if stream.RecvMsg(&message) != nil {
				return
			}
			bytes += len(message.ProtoReflect().GetUnknown())
		}
	}()
	select {
	case <-taken:
	case <-limit.C:
	case <-s.closed:
	}
}
