package clustertest

import (
	"context"
	"net"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// The header and the trailers of the protocol.
const (
	headerRequiresLeader = "requires-leader"
	trailerException     = "exception"
	trailerLeaderHost    = "leader-endpoint-host"
	trailerLeaderPort    = "leader-endpoint-port"
	exceptionNotLeader   = "not-leader"
)

// requiresLeader reports whether a call asks for the leader.
func requiresLeader(ctx context.Context) bool {
	values := metadata.ValueFromIncomingContext(ctx, headerRequiresLeader)
	return len(values) > 0 && values[0] == "true"
}

// notLeader makes the answer of a node that follows another one.
func (n *node) notLeader(setTrailer func(metadata.MD), leader string) error {
	host, port, err := net.SplitHostPort(leader)
	if err != nil {
		return status.Error(codes.Internal, err.Error())
	}
	setTrailer(metadata.Pairs(trailerException, exceptionNotLeader, trailerLeaderHost, host, trailerLeaderPort, port))
	n.add(func(c *Count) { c.NotLeader++ })
	return status.Error(codes.NotFound, "Leader info available")
}

// hold gives no answer until the caller gives up.
func (n *node) hold(ctx context.Context) error {
	n.add(func(c *Count) { c.Unanswered++ })
	<-ctx.Done()
	return status.FromContextError(ctx.Err()).Err()
}

// mayRead decides about a read, and about what else only a leader answers.
func (n *node) mayRead(ctx context.Context, setTrailer func(metadata.MD)) error {
	switch of := n.role(); of.role {
	case follows:
		return n.notLeader(setTrailer, of.leader)
	case orphaned:
		return n.hold(ctx)
	default:
		return nil
	}
}

// mayBegin decides about an append of which not all has come.
func (n *node) mayBegin(ctx context.Context, setTrailer func(metadata.MD)) error {
	if of := n.role(); of.role == follows && requiresLeader(ctx) {
		return n.notLeader(setTrailer, of.leader)
	}
	return nil
}

// mayWrite decides about an append of which all has come.
func (n *node) mayWrite(ctx context.Context, setTrailer func(metadata.MD)) (*writing, error) {
	w, of := n.beginWriting(!requiresLeader(ctx))
	switch {
	case w != nil:
		return w, nil
	case of.role == follows:
		return nil, n.notLeader(setTrailer, of.leader)
	default:
		return nil, n.hold(ctx)
	}
}
