package clustertest

import (
	"context"
	"strings"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// unary is around every call with one answer to one request.
func (n *node) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	setTrailer := func(md metadata.MD) { _ = grpc.SetTrailer(ctx, md) } // fails only outside a call
	switch {
	case info.FullMethod == streams.Streams_Delete_FullMethodName, info.FullMethod == streams.Streams_Tombstone_FullMethodName:
		w, err := n.mayWrite(ctx, setTrailer)
		if err != nil {
			return nil, err
		}
		answer, err := handle(ctx, request)
		if lost := w.end(); lost {
			return nil, n.hold(ctx)
		}
		return answer, err
	case strings.HasPrefix(info.FullMethod, "/"+persistent.PersistentSubscriptions_ServiceDesc.ServiceName+"/"):
		if err := n.mayRead(ctx, setTrailer); err != nil {
			return nil, err
		}
	}
	return handle(ctx, request)
}

// stream is around every other call.
func (n *node) stream(service any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	switch info.FullMethod {
	case streams.Streams_Append_FullMethodName:
		a := &appending{ServerStream: stream, node: n}
		return a.serve(service, handle)
	case streams.Streams_BatchAppend_FullMethodName:
		b := &batching{ServerStream: stream, node: n, open: map[string]*writing{}}
		return b.serve(service, handle)
	case streams.Streams_Read_FullMethodName:
		r := newReading(stream, n, requiresLeader(stream.Context()))
		return r.serve(service, handle)
	case persistent.PersistentSubscriptions_Read_FullMethodName:
		r := newReading(stream, n, true)
		return r.serve(service, handle)
	}
	return handle(service, stream)
}
