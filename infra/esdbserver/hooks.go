package esdbserver

import (
	"context"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
)

// Hooks are called from the goroutines of the node and must not block. Any may be nil.
type Hooks struct {
	// Called reports a call that ended: "/event_store.client.streams.Streams/Append",
	// the gRPC code as text, and how long it took.
	Called func(method, code string, took time.Duration)
	// Appended reports what one append of a client stored or had stored before.
	Appended func(events, bytes int)
	// Subscribed reports subscribers that come (+1) and go (-1).
	Subscribed func(delta int)
	// Scavenging reports scavenges that begin (+1) and end (-1).
	Scavenging func(delta int)
	// Removed reports events that a scavenge has just removed, step by step.
	Removed func(events int64)
	// Scavenged reports how a scavenge ended, in the words of EventStoreDB:
	// "Success", "Stopped" or "Errored"; all events that it removed, and the bytes
	// that it gave back.
	Scavenged func(result string, events, bytes int64)
}

func (h Hooks) appended(events, bytes int) {
	if h.Appended != nil {
		h.Appended(events, bytes)
	}
}

func (h Hooks) subscribed(delta int) {
	if h.Subscribed != nil {
		h.Subscribed(delta)
	}
}

func (h Hooks) scavenging(delta int) {
	if h.Scavenging != nil {
		h.Scavenging(delta)
	}
}

func (h Hooks) scavenged(result string, events, bytes int64) {
	if h.Scavenged != nil {
		h.Scavenged(result, events, bytes)
	}
}

func (s *Server) called(method string, begun time.Time, err error) {
	if s.options.Hooks.Called != nil {
		s.options.Hooks.Called(method, status.Code(err).String(), time.Since(begun))
	}
}

// unary is around every call with one answer to one request.
func (s *Server) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (response any, err error) {
	begun := time.Now()
	defer func() { s.called(info.FullMethod, begun, err) }()
	defer s.survive(info.FullMethod, &err)
	if ctx, err = s.recognize(ctx); err != nil {
		return nil, err
	}
	return handle(ctx, request)
}

// survive turns a panic into the answer that EventStoreDB gives: one call is
// no reason for all others to end.
func (s *Server) survive(method string, err *error) {
	if cause := recover(); cause != nil {
		s.logger.Error("a call panicked", "method", method, "cause", cause, "stack", string(debug.Stack()))
		*err = thrown()
	}
}

// stream is around every other call.
func (s *Server) stream(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) (err error) {
	begun := time.Now()
	defer func() {
		if err != nil && info.IsClientStream && !info.IsServerStream {
			s.takeRest(stream)
		}
		s.called(info.FullMethod, begun, err)
	}()
	defer s.survive(info.FullMethod, &err)
	ctx, err := s.recognize(stream.Context())
	if err != nil {
		return err
	}
	if ctx != stream.Context() {
		stream = &callerStream{stream, ctx}
	}
	return handle(service, stream)
}

// callerStream knows who calls.
type callerStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (c *callerStream) Context() context.Context { return c.ctx }
